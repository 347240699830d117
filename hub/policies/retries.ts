/** Another attempt at what failed or took too long, where a policy asks for one. */
import { timestamp } from "../../shared/clock.ts";
import { isPetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Execution, Retry } from "../../shared/model/execution.ts";
import {
  createExecution,
  parametersAgain,
  type ResolvedParameters,
  type RunnableAction,
  refuseUnrunnable,
} from "../executions/request.ts";
import type { JobWork } from "../jobs/job-runner.ts";
import type { Catalogue } from "../packs/catalogue.ts";
import { resealed } from "../secrets/sealed-execution.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Dispatch } from "../store/port/ledgers.ts";
import type { Store } from "../store/store.ts";
import { endMs, nextAttemptId, retryOf } from "./applied.ts";

export interface RetriesOptions {
  readonly store: Pick<Store, "execution" | "createExecutions">;
  readonly catalogue: () => Pick<Catalogue, "actions">;
  readonly shrink: (dispatches: readonly Dispatch[]) => Promise<readonly Dispatch[]>;
  readonly sealer: Sealer;
  readonly now: () => number;
  readonly log: Logger;
}

/** Milliseconds after its time at which an attempt is not wanted any more: as for a run asked for by hand. */
const expiresMs = 3_600_000;

/**
 * The next attempt is made at once, to start when the policy's delay is over: it can be seen and canceled. Its id follows
 * from the one it repeats, so that a job done twice makes one.
 */
export function retryWork({ store, catalogue, shrink, sealer, now, log }: RetriesOptions): JobWork {
  return async ({ execution: id }) => {
    const ended = typeof id === "string" ? await store.execution(id) : null;
    const retry = ended === null ? null : retryOf(ended);
    if (ended === null || retry === null) return;
    const action = catalogue().actions.get(ended.action);
    const again = againOf(action, ended, sealer);
    if (action === undefined || typeof again === "string") {
      log.warn("an execution cannot be tried again", {
        execution: ended.id,
        action: ended.action,
        refusal: again,
      });
      await store.createExecutions([refusedAttempt(ended, retry, String(again), now(), sealer)], []);
      return;
    }
    const startAtMs = endMs(ended) + retry.delay * 1000;
    const wanted = {
      id: nextAttemptId(ended),
      action,
      agent: ended.agent,
      resolved: again,
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
    };
    const { execution, dispatch } = createExecution(wanted, sealer);
    await store.createExecutions([execution], await shrink([dispatch]));
  };
}

/** With which parameters it is to run again; `CODE: text` when it may not. */
function againOf(
  action: RunnableAction | undefined,
  ended: Execution,
  sealer: Sealer,
): ResolvedParameters | string {
  if (action === undefined) return "ACTION_UNKNOWN: the action is no longer registered";
  try {
    refuseUnrunnable(action);
    return parametersAgain(action, ended, sealer);
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

/** Whoever waits for the attempt that a policy has promised (a fan-out, `petrel run`) sees that there will be none. */
function refusedAttempt(
  ended: Execution,
  { policy }: Retry,
  reason: string,
  nowMs: number,
  sealer: Sealer,
): Execution {
  const { policies: _, start_at: __, sealed: ___, ...same } = ended;
  const id = nextAttemptId(ended);
  const sealed = resealed(ended, id, sealer);
  const at = timestamp(nowMs);
  return {
    ...same,
    ...(sealed !== undefined && { sealed }),
    id,
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
