/** What the end of an execution sets off, in the batch that ends it: its slots are free, its next attempt is on the clock. */
import type { Execution } from "../../shared/model/execution.ts";
import { retryOf } from "../policies/applied.ts";
import { retryJob } from "../policies/job-kinds.ts";
import type { Draft } from "./draft.ts";
import { leave } from "./gates.ts";
import { putJob } from "./job-record.ts";
import { keys } from "./keys.ts";

/** Only for executions that have policies or a time to start at: the others have left nothing anywhere. */
export function settleEnd(draft: Draft, execution: Execution): void {
  draft.remove(keys.held(execution.id));
  leave(draft, execution);
  if (retryOf(execution) === null) return;
  const dueAt = Date.parse(execution.log.at(-1)?.timestamp ?? execution.created_at);
  const data = { execution: execution.id };
  putJob(draft, { id: `${retryJob}/${execution.id}`, kind: retryJob, dueAt, data });
}
