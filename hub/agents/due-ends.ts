/** Ends executions when their time has come: requests that expire, and what runs on agents that stay away. */
import { parseTimestamp } from "../../shared/clock.ts";
import type { Logger } from "../../shared/log.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { Timers } from "../../shared/timers.ts";
import type { ChangeOf } from "../store/port/changes.ts";
import type { Store } from "../store/store.ts";
import type { AgentRegistry } from "./agent-registry.ts";
import { endsAt, giveUp, type Patience } from "./lost-agents.ts";

export interface DueEndsOptions {
  readonly store: Pick<Store, "openExecutions" | "updateExecution" | "subscribeChanges">;
  readonly registry: Pick<AgentRegistry, "all" | "get">;
  readonly patience: Patience;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly timers: Timers;
  readonly log: Logger;
}

/** Looks at one agent's open executions are no nearer together: an agent that is away may have ten thousand. */
const restMs = 5_000;
const retryMs = 30_000;
/** A timer holds no more; whoever is due later is looked at then, and planned again. */
const longestMs = 86_400_000;
/** Written at a time, so that they share batches and leave room for intake. */
const atOnce = 500;

/**
 * Nothing is stored for it: what is due follows from the records, so another process, or the next start, finds the same.
 * One timer an agent, for the earliest of its ends.
 */
export function startDueEnds(options: DueEndsOptions): { stop(): Promise<void> } {
  const { store, registry, patience, now, timers, log } = options;
  const planned = new Map<string, { readonly at: number; readonly cancel: () => void }>();
  const rested = new Map<string, number>();
  let looking = Promise.resolve();
  let isStopped = false;

  const endOf = (execution: Execution) => endsAt(execution, registry.get(execution.agent), patience);

  const plan = (agent: string, wanted: number): void => {
    if (isStopped) return;
    const at = Math.max(wanted, rested.get(agent) ?? 0);
    const known = planned.get(agent);
    if (known !== undefined && known.at <= at) return;
    known?.cancel();
    const cancel = timers.after(Math.min(Math.max(0, at - now()), longestMs), () => {
      planned.delete(agent);
      // One agent after the other: after a start all of them are looked at.
      looking = looking.then(() => look(agent));
    });
    planned.set(agent, { at, cancel });
  };

  const look = async (agent: string): Promise<void> => {
    if (isStopped) return;
    rested.set(agent, now() + restMs);
    try {
      const due: Execution[] = [];
      let next = Number.POSITIVE_INFINITY;
      for (const open of await store.openExecutions(agent)) {
        const at = endOf(open);
        if (at === null) continue;
        if (at <= now()) due.push(open);
        else next = Math.min(next, at);
      }
      for (let start = 0; start < due.length && !isStopped; start += atOnce) {
        await Promise.all(due.slice(start, start + atOnce).map(end));
      }
      if (next < Number.POSITIVE_INFINITY) plan(agent, next);
      else if (!planned.has(agent)) rested.delete(agent);
    } catch (error) {
      log.error("what is due on an agent could not be ended; it is tried again later", { agent, error });
      plan(agent, now() + retryMs);
    }
  };

  /** One that has moved on meanwhile is left: whoever moved it has said so, and it is planned anew. */
  const end = async (open: Execution): Promise<void> => {
    const ended = giveUp(open, now());
    if (ended === null || !(await store.updateExecution(ended, open.rev))) return;
    const { id, agent, status, reason } = ended;
    log.warn("an execution is over without a word of its agent", { execution: id, agent, status, reason });
  };

  const all = () => {
    for (const { id } of registry.all()) plan(id, now());
  };
  const heard = (change: ChangeOf<"execution" | "agent" | "reopened">): void => {
    if (change.type === "reopened") all();
    else if (change.type === "execution") {
      const at = endOf(change.execution);
      if (at !== null) plan(change.execution.agent, at);
    } else if (change.type === "agent" && !change.agent.online) {
      plan(change.agent.id, (parseTimestamp(change.agent.last_seen) ?? now()) + patience.awayMs);
    }
  };
  const stopListening = store.subscribeChanges((changes) => changes.forEach(heard), ["execution", "agent"]);
  all();

  return {
    async stop() {
      isStopped = true;
      stopListening();
      for (const { cancel } of planned.values()) cancel();
      await looking;
    },
  };
}
