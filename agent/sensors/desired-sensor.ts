/** A sensor that shall run on this agent, in one version with one configuration. */
import { createHash } from "node:crypto";
import type { JsonObject } from "../../shared/json.ts";
import type { SensorDefinition } from "../../shared/model/pack.ts";
import type { RuleTrigger } from "../../shared/model/rule-trigger.ts";
import type { TriggerType } from "../../shared/model/trigger.ts";

export interface DesiredSensor {
  readonly definition: SensorDefinition;
  /** The pack's trigger types; those the sensor names are told to it. */
  readonly triggerTypes: readonly TriggerType[];
  /** Triggers with parameters that rules want of the pack; the process is told of changes and goes on. */
  readonly ruleTriggers?: readonly RuleTrigger[];
  /** Names the version of the pack. */
  readonly packDigest: string;
  /** Absolute path of the pack's folder. */
  readonly packFolder: string;
  /** Changes when code that the sensor may use changes. */
  readonly codeDigest: string;
  /** The pack's effective configuration. */
  readonly config: JsonObject;
  /** Of the assignment that says so; told with the sensor's state. */
  readonly fingerprint: string | null;
}

/** What shall run, and the way back: what last became ready on this agent, in this life of it or an earlier one. */
export interface SensorAssignment extends DesiredSensor {
  readonly proven?: DesiredSensor | null;
}

/** Whether a process of one is as good as a process of the other: same definition, code and configuration. */
export function runsAlike(a: DesiredSensor, b: DesiredSensor): boolean {
  return a === b || nameOf(a) === nameOf(b);
}

function nameOf({ definition, codeDigest, config, triggerTypes }: DesiredSensor): string {
  const told = triggerTypes.filter(({ ref }) => definition.trigger_types.includes(ref));
  const triggers = told.map(({ ref, parameters_schema: schema }) => [ref, schema]);
  const { description: _, ...definitionThatRuns } = definition;
  const parts = JSON.stringify([definitionThatRuns, codeDigest, config, triggers]);
  return createHash("sha256").update(parts).digest("hex");
}
