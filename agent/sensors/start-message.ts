/** What a sensor is told at the start of a life. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { JsonObject } from "../../shared/json.ts";
import type { SensorDefinition } from "../../shared/model/pack.ts";
import type { TriggerType } from "../../shared/model/trigger.ts";
import { dispatchWindow, type SensorTrigger, type StartMessage } from "./messages.ts";

export interface SensorStart {
  readonly definition: SensorDefinition;
  /** The pack's trigger types. */
  readonly triggerTypes: readonly TriggerType[];
  readonly packFolder: string;
  readonly config: JsonObject;
}

/** Absolute path of the sensor's code. */
export function entryPointOf({
  definition,
  packFolder,
}: Pick<SensorStart, "definition" | "packFolder">): string {
  return join(packFolder, "sensors", definition.entry_point);
}

export function startMessage(start: SensorStart): StartMessage {
  const { definition, triggerTypes, packFolder, config } = start;
  return {
    op: "start",
    sensor: definition.ref,
    pack: definition.pack,
    class_name: definition.class_name,
    entry_point: entryPointOf(start),
    pack_folder: packFolder,
    config,
    parameters: {},
    poll_interval: definition.poll_interval,
    triggers: triggerTypes
      .filter(({ ref, parameters_schema: schema }) => {
        return definition.trigger_types.includes(ref) && Object.keys(schema).length === 0;
      })
      .map(plainTrigger),
    window: dispatchWindow,
  };
}

/** The trigger that a type without parameters has by itself, of the same name (st2 docs, Triggers). */
function plainTrigger({ ref, pack, name, description }: TriggerType): SensorTrigger {
  const digest = createHash("md5").update("{}").digest("hex");
  const uid = `trigger:${pack}:${name}:${digest}`;
  return { id: ref, ref, uid, name, pack, type: ref, parameters: {}, description };
}
