/** Another attempt at what failed or took too long, where a policy asks for one. */
import { timestamp } from "../../shared/clock.ts";
import { isPetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Execution, Retry } from "../../shared/model/execution.ts";
import {
  createExecution,
  type RunnableAction,
  refuseUnrunnable,
  sameParameters,
} from "../executions/request.ts";
import type { JobWork } from "../jobs/job-runner.ts";
import type { Catalogue } from "../packs/catalogue.ts";
import type { Dispatch, Store } from "../store/store.ts";
import { endMs, nextAttemptId, retryOf } from "./applied.ts";

export interface RetriesOptions {
  readonly store: Pick<Store, "execution" | "createExecutions">;
  readonly catalogue: () => Pick<Catalogue, "actions">;
  readonly shrink: (dispatches: readonly Dispatch[]) => Promise<readonly Dispatch[]>;
  readonly now: () => number;
  readonly log: Logger;
}

/** Milliseconds after its time at which an attempt is not wanted any more: as for a run asked for by hand. */
const expiresMs = 3_600_000;

/**
 * The next attempt is made at once, to start when the policy's delay is over: it can be seen and canceled. Its id follows
 * from the one it repeats, so that a job done twice makes one.
 */
export function retryWork({ store, catalogue, shrink, now, log }: RetriesOptions): JobWork {
  return async ({ execution: id }) => {
    const ended = typeof id === "string" ? await store.execution(id) : null;
    const retry = ended === null ? null : retryOf(ended);
    if (ended === null || retry === null) return;
    const action = catalogue().actions.get(ended.action);
    const refusal = refusalOf(action);
    if (action === undefined || refusal !== null) {
      log.warn("an execution cannot be tried again", { execution: ended.id, action: ended.action, refusal });
      await store.createExecutions([refusedAttempt(ended, retry, refusal ?? "", now())], []);
      return;
    }
    const startAtMs = endMs(ended) + retry.delay * 1000;
    const { execution, dispatch } = createExecution({
      id: nextAttemptId(ended),
      action,
      agent: ended.agent,
      resolved: sameParameters(action, ended.parameters),
      nowMs: now(),
      expiresAtMs: startAtMs + expiresMs,
      startAtMs: retry.delay > 0 ? startAtMs : undefined,
      user: ended.user,
      rule: ended.rule,
      trigger_instance: ended.trigger_instance,
      enforcement: ended.enforcement,
      trace_tag: ended.trace_tag,
      attempt: ended.attempt + 1,
      rerun_of: ended.id,
      retriedBy: retry.policy,
      ...(ended.lineage !== undefined && { lineage: ended.lineage }),
      parent: ended.parent,
    });
    await store.createExecutions([execution], await shrink([dispatch]));
  };
}

/** `CODE: text`; `null` when it may run. */
function refusalOf(action: RunnableAction | undefined): string | null {
  if (action === undefined) return "ACTION_UNKNOWN: the action is no longer registered";
  try {
    refuseUnrunnable(action);
    return null;
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

/** Whoever waits for the attempt that a policy has promised (a fan-out, `petrel run`) sees that there will be none. */
function refusedAttempt(ended: Execution, { policy }: Retry, reason: string, nowMs: number): Execution {
  const { policies: _, start_at: __, ...same } = ended;
  const at = timestamp(nowMs);
  return {
    ...same,
    id: nextAttemptId(ended),
    status: "failed",
    result: { error: reason, traceback: "" },
    result_blob: null,
    created_at: at,
    start_timestamp: null,
    end_timestamp: at,
    attempt: ended.attempt + 1,
    rerun_of: ended.id,
    retried_by: policy,
    log: [
      { status: "requested", timestamp: at },
      { status: "failed", timestamp: at, reason },
    ],
    reason,
    late_result: null,
    rev: 1,
  };
}
