/** How many a gate lets through, by what its policy says today. */
import type { Gate } from "../../shared/model/execution.ts";
import type { PolicyDefinition } from "../../shared/model/policy.ts";

/** A policy that is gone, switched off or of another type holds nobody back any more. */
export function limitNow(policies: ReadonlyMap<string, PolicyDefinition>, { policy }: Gate): number {
  const known = policies.get(policy);
  if (known === undefined || !known.enabled || known.policy_type === "action.retry") {
    return Number.POSITIVE_INFINITY;
  }
  return known.parameters.threshold;
}
