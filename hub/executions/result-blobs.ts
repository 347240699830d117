/** Results that were too large for an entry: which blobs an execution names, and the job that brings each to the hub. */
import { isObject } from "../../shared/json.ts";
import type { BlobRef, Execution } from "../../shared/model/execution.ts";
import type { Job } from "../store/port/jobs.ts";

export const fetchResultJob = "fetch-result";

/** The blob of its result, and that of a result that came after it had been given up. */
export function resultBlobs(execution: Pick<Execution, "result_blob" | "late_result">): readonly BlobRef[] {
  const { result_blob, late_result } = execution;
  const late = isObject(late_result) && isObject(late_result.result_blob) ? late_result.result_blob : null;
  // Written by `applyUpdate` from an entry that passed the wire's schema.
  return [result_blob, late as BlobRef | null].filter((blob) => blob !== null);
}

const noJobs: readonly Job[] = [];

/** To be written in the batch that makes the execution name these blobs, so that none is ever forgotten. */
export function fetchJobs(before: Execution, now: Execution, nowMs: number): readonly Job[] {
  // Nearly all results came with the entry.
  if (now.result_blob === null && now.late_result === null) return noJobs;
  const known = new Set(resultBlobs(before).map(({ digest }) => digest));
  return resultBlobs(now)
    .filter(({ digest }) => !known.has(digest))
    .map(({ digest, size }) => ({
      id: `${fetchResultJob}/${now.id}/${digest}`,
      kind: fetchResultJob,
      dueAt: nowMs,
      data: { execution: now.id, agent: now.agent, digest, size },
    }));
}
