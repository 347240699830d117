/** What people want to know of an execution; `--json` has the rest. */
import type { Execution, FanOut, LeftOut } from "../../../shared/model/execution.ts";
import { isFinal } from "../../executions/life.ts";
import type { ExecutionView } from "../../http/views.ts";
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
export type WithChildren = ExecutionView & { readonly children?: readonly ExecutionView[] };

/** Children come as a stream, whole pages at a time: there may be thousands. */
export async function withChildren(
  api: Pick<ApiClient, "lines">,
  execution: ExecutionView,
): Promise<WithChildren> {
  if (execution.fan_out === undefined) return execution;
  const path = `/v1/executions/${encodeURIComponent(execution.id)}/children`;
  const children: ExecutionView[] = [];
  for await (const lines of api.lines(path, {})) {
    for (const line of lines) children.push(JSON.parse(line) as ExecutionView);
  }
  return { ...execution, children };
}

const progress = ({ agents, started, succeeded, failed }: FanOut): Fields => ({
  agents: agents.length,
  started,
  succeeded,
  without_success: failed,
  under_way: started - succeeded - failed,
  not_started: agents.length - started,
});

const childSummary = ({ id, agent, status, reason, attempt }: Execution): Fields =>
  withoutEmpty({ agent, status, id, attempt: attempt > 1 ? attempt : undefined, reason });

/** Shown at most; of those without success more, since these are what one looks for. */
const mostShown = 20;
const mostFailedShown = 50;

/** Without success first, then under way, then the rest; a thousand that succeeded are not worth a thousand lines. */
function childrenSummary(id: string, children: readonly Execution[]): Fields {
  const without = children.filter(({ status }) => isFinal(status) && status !== "succeeded");
  const underWay = children.filter(({ status }) => !isFinal(status));
  const succeeded = children.filter(({ status }) => status === "succeeded");
  const shown = [
    ...without.slice(0, mostFailedShown),
    ...[...underWay, ...succeeded].slice(0, Math.max(0, mostShown - without.length)),
  ];
  const left = children.length - shown.length;
  return {
    children: shown.map(childSummary),
    children_not_shown: left === 0 ? undefined : `${left}: petrel execution list --parent ${id}`,
  };
}

/** The record without what is empty or of use to programs only; the result comes last. */
export function executionSummary(execution: WithChildren): Fields {
  const { id, action, agent, status, reason, rule, trigger_instance, user } = execution;
  const { parent, retried_by, next_attempt, start_at, fan_out, children } = execution;
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
    trace_tag: execution.trace_tag,
    parent,
    rerun_of: execution.rerun_of,
    attempt: execution.attempt > 1 ? execution.attempt : undefined,
    retried_by,
    next_attempt,
    created_at,
    start_at: start_timestamp === null ? start_at : undefined,
    start_timestamp,
    end_timestamp,
    elapsed_seconds: elapsed(execution),
    // Parameters that nobody gave are there as null.
    parameters: withoutEmpty(parameters),
    progress: fan_out === undefined ? undefined : progress(fan_out),
    ...(children !== undefined && childrenSummary(id, children)),
    result: fan_out === undefined ? result : undefined,
    result_blob,
    late_result,
    left_out: execution.left_out?.map(leftOutText),
  });
}

const leftOutText = ({ field, what, code, message }: LeftOut) =>
  `${what === "whole" ? field : `secrets of ${field}`}: ${code}: ${message}`;
