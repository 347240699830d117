/** The executions that a fan-out has started. */
import type { Execution } from "../../shared/model/execution.ts";
import { nextAttemptId, retryOf } from "../policies/applied.ts";
import type { Page, PageOf } from "../store/port/page.ts";
import type { Store } from "../store/store.ts";
import { childId } from "./fan-out.ts";

type Executions = Pick<Store, "execution">;

async function lastAttempt(store: Executions, parent: Execution, agent: string): Promise<Execution | null> {
  let child = await store.execution(childId(parent.id, agent));
  while (child !== null && retryOf(child) !== null) {
    const next = await store.execution(nextAttemptId(child));
    if (next === null) break;
    child = next;
  }
  return child;
}

/** The last attempt on each agent, in the order of the plan; those that were not started are left out. */
export async function* childrenOf(store: Executions, parent: Execution): AsyncGenerator<Execution> {
  for (const agent of parent.fan_out?.agents ?? []) {
    const child = await lastAttempt(store, parent, agent);
    if (child !== null) yield child;
  }
}

/** The same a page at a time; the cursor counts agents. */
export async function childrenPage(
  store: Executions,
  parent: Execution,
  { limit, cursor }: Pick<Page, "limit" | "cursor">,
): Promise<PageOf<Execution>> {
  const agents = parent.fan_out?.agents ?? [];
  const items: Execution[] = [];
  let at = cursor === undefined ? 0 : Number(cursor);
  while (at < agents.length && items.length < limit) {
    const some = agents.slice(at, at + limit - items.length);
    const found = await Promise.all(some.map((agent) => lastAttempt(store, parent, agent)));
    items.push(...found.filter((child) => child !== null));
    at += some.length;
  }
  return at < agents.length ? { items, cursor: String(at) } : { items };
}
