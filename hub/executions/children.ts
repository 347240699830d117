/** The executions that a fan-out has started. */
import type { Execution } from "../../shared/model/execution.ts";
import { nextAttemptId } from "../policies/applied.ts";
import type { Store } from "../store/store.ts";
import { childId } from "./fan-out.ts";
import { isFinal } from "./life.ts";

/** The last attempt on each agent, in the order of the plan; those that were not started are left out. */
export async function* childrenOf(
  store: Pick<Store, "execution">,
  parent: Execution,
): AsyncGenerator<Execution> {
  for (const agent of parent.fan_out?.agents ?? []) {
    let child = await store.execution(childId(parent.id, agent));
    while (child !== null && isFinal(child.status)) {
      const next = await store.execution(nextAttemptId(child));
      if (next === null) break;
      child = next;
    }
    if (child !== null) yield child;
  }
}
