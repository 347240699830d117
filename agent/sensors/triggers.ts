/** The triggers that a sensor knows of: those its types have by themselves, and those that rules made. Pure. */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "../../shared/json.ts";
import { canonicalText } from "../../shared/model/rule-trigger.ts";
import type { TriggerType } from "../../shared/model/trigger.ts";
import type { DesiredSensor } from "./desired-sensor.ts";
import type { DispatchMessage, SensorTrigger, TriggerMessage } from "./messages.ts";

/** In an order that does not depend on the rules' own. */
export function triggersOf({
  definition,
  triggerTypes,
  ruleTriggers = [],
}: Pick<DesiredSensor, "definition" | "triggerTypes" | "ruleTriggers">): readonly SensorTrigger[] {
  return triggerTypes
    .filter(({ ref }) => definition.trigger_types.includes(ref))
    .flatMap((type) => {
      const plain = Object.keys(type.parameters_schema).length === 0 ? [plainTrigger(type)] : [];
      const made = ruleTriggers.filter((each) => each.type === type.ref);
      return [...plain, ...made.map(({ parameters }) => triggerWith(type, parameters))];
    });
}

/** What a process that knows `before` has to be told; what goes comes first, so that nothing is watched twice. */
export function triggerChanges(
  before: readonly SensorTrigger[],
  after: readonly SensorTrigger[],
): readonly TriggerMessage[] {
  const was = new Map(before.map((trigger) => [trigger.id, trigger]));
  const is = new Set(after.map(({ id }) => id));
  const gone = before.filter(({ id }) => !is.has(id));
  return [
    ...gone.map((trigger): TriggerMessage => ({ op: "remove_trigger", trigger })),
    ...after.flatMap((trigger): TriggerMessage[] => {
      const known = was.get(trigger.id);
      if (known === undefined) return [{ op: "add_trigger", trigger }];
      return isDeepStrictEqual(known, trigger) ? [] : [{ op: "update_trigger", trigger }];
    }),
  ];
}

/** A dispatch that names one of `known` by its ref is one of its type, with its parameters. */
export function resolved(
  dispatch: DispatchMessage,
  known: ReadonlyMap<string, SensorTrigger>,
): DispatchMessage {
  const trigger = known.get(dispatch.trigger);
  if (trigger === undefined || trigger.ref === trigger.type) return dispatch;
  return { ...dispatch, trigger: trigger.type, parameters: trigger.parameters };
}

/** The trigger that a type without parameters has by itself, of the same name (st2 docs, Triggers). */
function plainTrigger({ ref, pack, name, description }: TriggerType): SensorTrigger {
  return { id: ref, ref, uid: uidOf(pack, name, {}), name, pack, type: ref, parameters: {}, description };
}

/** Its name follows from type and parameters: the same on each agent and in each life. */
function triggerWith({ ref: type, pack, description }: TriggerType, parameters: JsonObject): SensorTrigger {
  const hex = createHash("sha256")
    .update(canonicalText([type, parameters]))
    .digest("hex");
  const name = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join("-");
  const ref = `${pack}.${name}`;
  return { id: ref, ref, uid: uidOf(pack, name, parameters), name, pack, type, parameters, description };
}

function uidOf(pack: string, name: string, parameters: JsonObject): string {
  return `trigger:${pack}:${name}:${createHash("md5").update(canonicalText(parameters)).digest("hex")}`;
}
