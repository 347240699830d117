/** Changes of files: trigger instances of `watch.file_changed`, and what people have said of them. */
import { isObject, type JsonObject } from "../json.ts";
import type { TriggerInstance } from "./trigger.ts";

/** Ref of the trigger type. */
export const fileChangedTrigger = "watch.file_changed";

/** That somebody has looked at a change and what he says of it. */
export interface FileAck {
  /** Of the trigger instance. */
  readonly change: string;
  readonly by: string;
  /** RFC 3339, by the hub's clock. */
  readonly at: string;
  readonly reason: string;
}

export interface FileChange {
  readonly instance: TriggerInstance;
  readonly ack: FileAck | null;
}

/** One that was emitted again is no second change. */
export function isFileChange({ trigger, re_emit_of }: TriggerInstance): boolean {
  return trigger === fileChangedTrigger && re_emit_of === null;
}

/** Fields of its payload, which an agent sent and nobody has to have checked. */
export function changeFields({ payload }: TriggerInstance): JsonObject {
  return isObject(payload) ? (payload as JsonObject) : {};
}

/** Whether it is one of a storm of changes, which the trigger `watch.burst` tells as a whole. */
export function isPartOfBurst(trigger: string, payload: unknown): boolean {
  if (trigger !== fileChangedTrigger || !isObject(payload)) return false;
  return typeof payload.burst === "string" && payload.burst !== "";
}

/** The paths whose history it belongs to: where it is, and where it was before it was renamed. */
export function changedPaths(instance: TriggerInstance): readonly string[] {
  const { path, old_path } = changeFields(instance);
  const paths = [path, old_path].filter((each) => typeof each === "string");
  return [...new Set(paths)];
}
