/** A job on the clock: its record, and the row that says when it comes up next. */
import type { JsonObject } from "../../shared/json.ts";
import type { Draft } from "./draft.ts";
import { keys } from "./keys.ts";
import type { Job } from "./port/jobs.ts";

export interface JobRecord {
  readonly id: string;
  readonly kind: string;
  readonly data: JsonObject;
  readonly dueAt: number;
  /** When it comes up next: `dueAt`, or the end of its lease. */
  readonly at: number;
  readonly isLeased: boolean;
}

/** Puts `job` on the clock; the same id replaces it. */
export function putJob(draft: Draft, job: Job): void {
  const before = draft.get<JobRecord>(keys.job(job.id));
  if (before !== null) draft.dropRow(keys.jobDue(before.at, job.id));
  const record: JobRecord = { ...job, at: job.dueAt, isLeased: false };
  draft.put(keys.job(job.id), record);
  draft.row(keys.jobDue(record.at, job.id));
}
