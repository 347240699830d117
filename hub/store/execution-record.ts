/** Writing an execution: its record, its rows, its blobs, and who names it. */
import type { BlobRef, Execution } from "../../shared/model/execution.ts";
import { isFinal } from "../executions/life.ts";
import { resultBlobs } from "../executions/result-blobs.ts";
import { settleEnd } from "./after-end.ts";
import type { Draft } from "./draft.ts";
import { moveExecutionRows } from "./index-rows.ts";
import { keys } from "./keys.ts";

/** `before` is the record it replaces, `null` for a new one. */
export function putExecution(draft: Draft, before: Execution | null, execution: Execution): void {
  draft.put(keys.execution(execution.id), execution);
  moveExecutionRows(draft, before, execution);
  const known = before === null ? [] : resultBlobs(before).map(({ digest }) => digest);
  for (const blob of resultBlobs(execution)) {
    if (!known.includes(blob.digest)) keepBlob(draft, execution.id, blob);
  }
  if (before === null && execution.rerun_of !== null) addName(draft, execution.rerun_of, execution.id);
  const leavesTraces = execution.policies !== undefined || execution.start_at !== undefined;
  if (leavesTraces && before !== null && isFinal(execution.status) && !isFinal(before.status)) {
    settleEnd(draft, execution);
  }
  draft.change({ type: "execution", execution });
}

/** The blob stays as long as the execution does. */
export function keepBlob(draft: Draft, execution: string, blob: BlobRef): void {
  const kept = draft.get<readonly string[]>(keys.blobs(execution)) ?? [];
  if (!kept.includes(blob.digest)) draft.put(keys.blobs(execution), [...kept, blob.digest]);
}

/** Notes that record `by` names record `id`, which therefore stays as long as `by` does. */
export function addName(draft: Draft, id: string, by: string): void {
  const names = draft.get<readonly string[]>(keys.namedBy(id)) ?? [];
  if (!names.includes(by)) draft.put(keys.namedBy(id), [...names, by]);
}

export function dropName(draft: Draft, id: string, by: string): void {
  const names = draft.get<readonly string[]>(keys.namedBy(id)) ?? [];
  const rest = names.filter((name) => name !== by);
  if (rest.length > 0) draft.put(keys.namedBy(id), rest);
  else draft.remove(keys.namedBy(id));
}
