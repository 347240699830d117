/** What may go: whole families that have ended, and never a record that another one still names. */
import type { Execution } from "../../shared/model/execution.ts";
import { isFileChange } from "../../shared/model/file-change.ts";
import type { Enforcement } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { isFinal } from "../executions/life.ts";
import { resultBlobs } from "../executions/result-blobs.ts";
import type { Draft } from "./draft.ts";
import { dropName } from "./execution-record.ts";
import { type Family, familyOf } from "./history-record.ts";
import { enforcementRows, executionRows, instanceRows, moveRows } from "./index-rows.ts";
import { keys } from "./keys.ts";
import { addCounts } from "./tally-record.ts";

export interface Purged {
  readonly instances: number;
  readonly executions: number;
  readonly enforcements: number;
  /** Of the records that went, with their blobs. */
  readonly bytes: number;
}

export const nothingPurged: Purged = { instances: 0, executions: 0, enforcements: 0, bytes: 0 };

/** What the rows of a record's indexes take, about. */
const rowsBytes = 400;

function bytesOf(record: unknown): number {
  return record === null ? 0 : Buffer.byteLength(JSON.stringify(record)) + rowsBytes;
}

function executionBytes(execution: Execution | null): number {
  if (execution === null) return 0;
  return resultBlobs(execution).reduce((sum, { size }) => sum + size, bytesOf(execution));
}

/**
 * Deletes an instance with all that came of it. `null`, and nothing is deleted, when any of it is still open, was
 * made at `before` or later (milliseconds; `null` for any age), or is named by a record outside the family.
 */
export function purgeFamily(draft: Draft, id: string, before: number | null): Purged | null {
  const family = familyOf(draft, id);
  if (family.place === null || family.pending) return null;
  const members = [...family.executions, id];
  draft.need([
    keys.instance(family.place),
    ...family.enforcements.map(keys.enforcement),
    ...family.executions.map(keys.execution),
    ...members.map(keys.namedBy),
  ]);
  if (members.some((member) => isNamedBeyond(draft, member, members))) return null;
  const instance = draft.get<TriggerInstance>(keys.instance(family.place));
  const executions = family.executions.map((each) => draft.get<Execution>(keys.execution(each)));
  if (executions.some((execution) => execution !== null && !mayGo(execution, before))) return null;

  const fired = family.enforcements.map((each) => draft.get<Enforcement>(keys.enforcement(each)));
  // Its digest is still to be made of it.
  const windows = fired.flatMap((each) => (each?.throttle === undefined ? [] : [each.throttle.digest]));
  draft.need(windows.map(keys.throttleWindow));
  if (windows.some((window) => draft.get(keys.throttleWindow(window)) !== null)) return null;
  const bytes =
    bytesOf(instance) +
    fired.reduce((sum, each) => sum + bytesOf(each), 0) +
    executions.reduce((sum, each) => sum + executionBytes(each), 0);
  if (instance !== null) {
    moveRows(draft, instanceRows(instance, family.place), []);
    if (instance.re_emit_of !== null) dropName(draft, instance.re_emit_of, id);
  }
  draft.remove(keys.instance(family.place));
  if (instance !== null && isFileChange(instance)) draft.remove(keys.ack(id));
  for (const each of family.enforcements) removeEnforcement(draft, each);
  for (const execution of executions) if (execution !== null) removeExecution(draft, execution);
  for (const member of members) draft.remove(keys.namedBy(member));
  draft.remove(keys.family(id));
  addCounts(draft, { instances: -1 });
  return {
    instances: 1,
    executions: family.executions.length,
    enforcements: family.enforcements.length,
    bytes,
  };
}

/** Deletes an execution that belongs to no instance: made by hand, or outliving what it names. */
export function purgeAlone(draft: Draft, id: string, before: number): Purged | null {
  const execution = draft.get<Execution>(keys.execution(id));
  if (execution === null || !mayGo(execution, before) || isNamedBeyond(draft, id, [])) return null;
  if (execution.trigger_instance !== null) {
    const family = familyOf(draft, execution.trigger_instance);
    if (family.place !== null) return null;
    const rest = family.executions.filter((each) => each !== id);
    if (rest.length === 0) draft.remove(keys.family(execution.trigger_instance));
    else draft.put(keys.family(execution.trigger_instance), { ...family, executions: rest } satisfies Family);
  }
  removeExecution(draft, execution);
  draft.remove(keys.namedBy(id));
  return { ...nothingPurged, executions: 1, bytes: executionBytes(execution) };
}

function mayGo(execution: Execution, before: number | null): boolean {
  return isFinal(execution.status) && (before === null || Date.parse(execution.created_at) < before);
}

function isNamedBeyond(draft: Draft, id: string, family: readonly string[]): boolean {
  const names = draft.get<readonly string[]>(keys.namedBy(id)) ?? [];
  return names.some((name) => !family.includes(name));
}

function removeExecution(draft: Draft, execution: Execution): void {
  moveRows(draft, executionRows(execution), []);
  if (execution.rerun_of !== null) dropName(draft, execution.rerun_of, execution.id);
  draft.remove(keys.execution(execution.id));
  draft.remove(keys.blobs(execution.id));
}

function removeEnforcement(draft: Draft, id: string): void {
  const enforcement = draft.get<Enforcement>(keys.enforcement(id));
  if (enforcement !== null) moveRows(draft, enforcementRows(enforcement), []);
  draft.remove(keys.enforcement(id));
}
