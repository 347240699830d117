/** What people want to know of an execution; `--json` has the rest. */
import type { Execution } from "../../../shared/model/execution.ts";

/** Seconds between start and end, when it has both. */
function elapsed({ start_timestamp, end_timestamp }: Execution): number | undefined {
  if (start_timestamp === null || end_timestamp === null) return undefined;
  return (Date.parse(end_timestamp) - Date.parse(start_timestamp)) / 1000;
}

type Fields = Readonly<Record<string, unknown>>;

const withoutEmpty = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));

/** The record without what is empty or of use to programs only; the result comes last. */
export function executionSummary(execution: Execution): Fields {
  const { id, action, agent, status, reason, rule, trigger_instance, user } = execution;
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
    created_at,
    start_timestamp,
    end_timestamp,
    elapsed_seconds: elapsed(execution),
    // Parameters that nobody gave are there as null.
    parameters: withoutEmpty(parameters),
    result,
    result_blob,
    late_result,
  });
}
