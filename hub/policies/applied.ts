/** What the policies of an action mean for one execution of it. Pure. */
import { createHash } from "node:crypto";
import { derivedId } from "../../shared/ids.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Execution, ExecutionPolicies, Gate, Retry } from "../../shared/model/execution.ts";
import type { PolicyDefinition } from "../../shared/model/policy.ts";

/** All policies of an action hold at once: each limits, each repeats. `parameters`: as the execution has them. */
export function appliedPolicies(
  policies: readonly PolicyDefinition[],
  parameters: JsonObject,
): ExecutionPolicies {
  const gates: Gate[] = [];
  const retries: Retry[] = [];
  for (const policy of policies) {
    if (policy.policy_type === "action.retry") {
      const { retry_on, max_retry_count, delay } = policy.parameters;
      retries.push({ policy: policy.ref, on: retry_on, most: max_retry_count, delay });
      continue;
    }
    const { threshold, action } = policy.parameters;
    const names = policy.policy_type === "action.concurrency.attr" ? policy.parameters.attributes : [];
    gates.push({ key: gateKey(policy.ref, names, parameters), policy: policy.ref, threshold, action });
  }
  return { gates, retries };
}

/** Values are hashed: one may be a secret. */
function gateKey(policy: string, names: readonly string[], parameters: JsonObject): string {
  if (names.length === 0) return policy;
  const values = [...names].sort().map((name): Json => [name, canonical(parameters[name] ?? null)]);
  return `${policy}:${createHash("sha256").update(JSON.stringify(values)).digest("hex")}`;
}

/** Equal values have one spelling, whatever the order of their fields. */
function canonical(value: Json): Json {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== "object") return value;
  return Object.entries(value as JsonObject)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, inner]): Json => [name, canonical(inner)]);
}

/** What fails again however often it is tried: each attempt would find the same agent. */
const isHopeless = (reason: string | null): boolean => /^AGENT_TOO_OLD(?::|$)/.test(reason ?? "");

/**
 * The policy by which an execution that has ended is run again; `null`: by none. What expired before it ran is no
 * timeout of the action, and what was canceled was not to run.
 */
export function retryOf({
  status,
  policies,
  attempt,
  start_timestamp,
  reason,
}: Pick<Execution, "status" | "attempt" | "start_timestamp" | "reason"> & {
  readonly policies?: Execution["policies"];
}): Retry | null {
  const cause = status === "failed" ? "failure" : status === "timeout" ? "timeout" : null;
  if (policies === undefined || cause === null || isHopeless(reason)) return null;
  if (cause === "timeout" && start_timestamp === null) return null;
  // `attempt` counts from 1: as many repeats have been made as it is beyond.
  return policies.retries.find(({ on, most }) => on === cause && attempt <= most) ?? null;
}

/** When it ended, by the hub's clock: milliseconds since the epoch. */
export function endMs({ log, created_at }: Execution): number {
  return Date.parse(log.at(-1)?.timestamp ?? created_at);
}

/** The id of the attempt that follows one that has ended: a job done twice makes one. */
export function nextAttemptId(ended: Execution): string {
  return derivedId(endMs(ended), ended.id, "retry", ended.attempt + 1);
}
