/** What a sensor is told at the start of a life. */
import { join } from "node:path";
import type { JsonObject } from "../../shared/json.ts";
import type { SensorDefinition } from "../../shared/model/pack.ts";
import type { RuleTrigger } from "../../shared/model/rule-trigger.ts";
import type { TriggerType } from "../../shared/model/trigger.ts";
import { dispatchWindow, type StartMessage } from "./messages.ts";
import { triggersOf } from "./triggers.ts";

export interface SensorStart {
  readonly definition: SensorDefinition;
  /** The pack's trigger types. */
  readonly triggerTypes: readonly TriggerType[];
  readonly ruleTriggers?: readonly RuleTrigger[];
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
  const { definition, packFolder, config } = start;
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
    triggers: triggersOf(start),
    window: dispatchWindow,
  };
}
