/** An agent came back with another store: what becomes of the requests that only the old one knew. */
import type { Execution } from "../../shared/model/execution.ts";
import { step } from "../executions/life.ts";
import type { Store } from "../store/store.ts";

/** How often an execution that changed meanwhile is looked at again. */
const attempts = 20;
const pageEntries = 1_000;
const pageBytes = 4 * 1024 * 1024;

/**
 * Abandons what was dispatched to the old store and is not settled, then empties the ledger as it was at the start:
 * nothing that is called abandoned is sent any more. What is dispatched meanwhile, and what still waits for room in
 * the ledger, is for the new store. Resolves to the number abandoned. May be done again after it failed half-way.
 */
export async function abandonOldStore(store: Store, agent: string, now: () => number): Promise<number> {
  const ledger = await store.downEpochs(agent);
  const open = await store.openExecutions(agent);
  const since = await dispatchedSince(store, agent, new Map(ledger.map(({ id, last }) => [id, last])));
  // All at once, so that thousands of them share a few batches: the agent waits for its hello to be answered.
  const done = await Promise.all(
    open.filter(({ id }) => !since.has(id)).map((execution) => abandon(store, execution, now)),
  );
  for (const { id, first, last } of ledger) if (last >= first) await store.receiptDown(agent, id, last);
  return done.filter(Boolean).length;
}

/** Executions whose requests stand behind `lasts` in the ledger. */
async function dispatchedSince(
  store: Store,
  agent: string,
  lasts: ReadonlyMap<string, number>,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const { id, last } of await store.downEpochs(agent)) {
    for (let from = (lasts.get(id) ?? 0) + 1; from <= last; ) {
      const page = await store.readDown(agent, id, from, pageEntries, pageBytes);
      for (const { entry } of page) if (entry.kind === "action-request") found.add(entry.execution);
      from = (page.at(-1)?.last ?? last) + 1;
    }
  }
  return found;
}

async function abandon(store: Store, found: Execution, now: () => number): Promise<boolean> {
  let execution: Execution | null = found;
  for (let attempt = 0; attempt < attempts && execution !== null; attempt++) {
    const lost = step(execution, { type: "lose", at: now(), reason: "agent store lost" });
    if (!lost.moved) return false;
    if (await store.updateExecution(lost.execution, execution.rev)) return true;
    execution = await store.execution(found.id);
  }
  return false;
}
