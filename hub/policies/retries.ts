/** Another attempt at what failed or took too long, where a policy asks for one. */
import { isPetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
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
    const action = runnable(catalogue().actions.get(ended.action));
    if (action === null) {
      log.warn("an execution is not tried again: its action is gone, or switched off", {
        execution: ended.id,
        action: ended.action,
      });
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

function runnable(action: RunnableAction | undefined): RunnableAction | null {
  if (action === undefined) return null;
  try {
    refuseUnrunnable(action);
    return action;
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    return null;
  }
}
