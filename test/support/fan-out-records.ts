/** A fan-out and the executions that it has started, as records: for tests of those who look at many. */
import { childId, manyAgents } from "../../hub/executions/fan-out.ts";
import { nextAttemptId } from "../../hub/policies/applied.ts";
import type { Execution, ExecutionPolicies } from "../../shared/model/execution.ts";
import { anExecution } from "./records.ts";
import { idOf } from "./start-api.ts";

export const retryOnce: ExecutionPolicies = {
  gates: [],
  retries: [{ policy: "mypack.again", on: "failure", most: 1, delay: 0 }],
};

/** The parent, and a child on each of `host-0000`, `host-0001` …; `over` says how each is. */
export function aFanOut(
  count: number,
  over: (n: number) => Partial<Execution> = () => ({}),
): { readonly parent: Execution; readonly children: readonly Execution[] } {
  const agents = Array.from({ length: count }, (_, n) => `host-${String(n).padStart(4, "0")}`);
  const id = idOf(1);
  const children = agents.map((agent, n) =>
    anExecution({ id: childId(id, agent), agent, parent: id, status: "succeeded", result: n, ...over(n) }),
  );
  const succeeded = children.filter(({ status }) => status === "succeeded").length;
  const parent = anExecution({
    id,
    agent: manyAgents,
    runner: "fan-out",
    status: succeeded === count ? "succeeded" : "failed",
    fan_out: {
      agents,
      batch: null,
      canary: 0,
      max_failures: null,
      started: count,
      succeeded,
      failed: count - succeeded,
    },
    result: { succeeded, failed: count - succeeded, not_started: 0, agents: {} },
  });
  return { parent, children };
}

/** The attempt that follows one that has ended. */
export function anAttemptAfter(ended: Execution, over: Partial<Execution> = {}): Execution {
  return {
    ...ended,
    id: nextAttemptId(ended),
    status: "succeeded",
    attempt: ended.attempt + 1,
    rerun_of: ended.id,
    retried_by: "mypack.again",
    ...over,
  };
}
