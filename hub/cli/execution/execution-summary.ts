/** What people want to know of an execution; `--json` has the rest. */
import type { Execution, FanOut } from "../../../shared/model/execution.ts";
import type { ApiClient } from "../api-client-http.ts";

/** Seconds between start and end, when it has both. */
function elapsed({ start_timestamp, end_timestamp }: Execution): number | undefined {
  if (start_timestamp === null || end_timestamp === null) return undefined;
  return (Date.parse(end_timestamp) - Date.parse(start_timestamp)) / 1000;
}

type Fields = Readonly<Record<string, unknown>>;

const withoutEmpty = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));

/** A fan-out with those that it has started. */
export type WithChildren = Execution & { readonly children?: readonly Execution[] };

export async function withChildren(api: Pick<ApiClient, "ask">, execution: Execution): Promise<WithChildren> {
  if (execution.fan_out === undefined) return execution;
  const path = `/v1/executions/${encodeURIComponent(execution.id)}/children`;
  const { items } = await api.ask<{ items: readonly Execution[] }>("GET", path);
  return { ...execution, children: items };
}

const progress = ({ agents, started, succeeded, failed }: FanOut): Fields => ({
  agents: agents.length,
  started,
  succeeded,
  without_success: failed,
});

const childSummary = ({ id, agent, status, reason }: Execution): Fields =>
  withoutEmpty({ agent, status, id, reason });

/** The record without what is empty or of use to programs only; the result comes last. */
export function executionSummary(execution: WithChildren): Fields {
  const { id, action, agent, status, reason, rule, trigger_instance, user } = execution;
  const { parent, retried_by, start_at, fan_out, children } = execution;
  const { created_at, start_timestamp, end_timestamp, parameters, result, result_blob, late_result } =
    execution;
  return withoutEmpty({
    id,
    action,
    agent,
    status,
    reason,
    rule,
    trigger_instance,
    user,
    parent,
    rerun_of: execution.rerun_of,
    attempt: execution.attempt > 1 ? execution.attempt : undefined,
    retried_by,
    created_at,
    start_at: start_timestamp === null ? start_at : undefined,
    start_timestamp,
    end_timestamp,
    elapsed_seconds: elapsed(execution),
    // Parameters that nobody gave are there as null.
    parameters: withoutEmpty(parameters),
    progress: fan_out === undefined ? undefined : progress(fan_out),
    children: children?.map(childSummary),
    result: fan_out === undefined ? result : undefined,
    result_blob,
    late_result,
  });
}
