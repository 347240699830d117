/** An agent is taken out of the fleet: what becomes of the work that it was given. */
import type { Execution } from "../../shared/model/execution.ts";
import { nextStatus, step } from "../executions/life.ts";
import type { Store } from "../store/store.ts";

export type ClosingStore = Pick<
  Store,
  "openExecutions" | "execution" | "updateExecution" | "downEpochs" | "receiptDown"
>;

/** How often an execution that changed meanwhile is looked at again. */
const attempts = 20;

/**
 * Cancels what the agent has not been sent, abandons what it has, then empties its ledger. Resolves to the number ended.
 * May be done again after it failed half-way.
 */
export async function closeWork(store: ClosingStore, agent: string, now: () => number): Promise<number> {
  const open = await store.openExecutions(agent);
  const ended = await Promise.all(open.map((execution) => end(store, execution, now)));
  for (const { id, first, last } of await store.downEpochs(agent)) {
    if (last >= first) await store.receiptDown(agent, id, last);
  }
  return ended.filter(Boolean).length;
}

async function end(store: ClosingStore, found: Execution, now: () => number): Promise<boolean> {
  let execution: Execution | null = found;
  for (let attempt = 0; attempt < attempts && execution !== null; attempt++) {
    const type = nextStatus(execution.status, "lose") === null ? "cancel" : "lose";
    const next = step(execution, { type, at: now(), reason: "the agent was removed" });
    if (!next.moved) return false;
    if (await store.updateExecution(next.execution, execution.rev)) return true;
    execution = await store.execution(found.id);
  }
  return false;
}
