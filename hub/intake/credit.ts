/** How much each agent may have on its way to the hub: one memory budget, divided among the fleet. No I/O. */
import type { SharedRoom } from "../../shared/link/ports.ts";
import type { Credit } from "../../shared/wire/messages.ts";

export interface IntakeBudgetOptions {
  /** Agents that may come at any time, connected or not: after a restart all of them do at once. */
  readonly fleet: () => number;
  readonly figures: () => { readonly queued: number; readonly failed: boolean };
  /** The agent was told to pause, or a packet of it was dropped, and there is room again: it is to be told so. */
  readonly wake: (agent: string) => void;
  /** Of packets' text; in memory an entry takes a few times as much. */
  readonly bytes?: number;
}

export interface AgentBudget {
  credit(): Credit;
  readonly room: SharedRoom;
}

export interface IntakeBudget {
  /** To be kept as long as the agent's link. */
  of(agent: string): AgentBudget;
  /** The database has written something: looks whether those that pause may go on. */
  goOn(): void;
  /** What an agent would be told that asked now. */
  granted(): Credit;
  /** Bytes of packets that wait, and agents that were told to. */
  figures(): { readonly bytes: number; readonly paused: number };
}

const budgetBytes = 64 * 1024 * 1024;
/** So little that ten thousand agents stay near the budget; one entry is always admitted. */
const leastBytes = 8 * 1024;
const mostBytes = 4 * 1024 * 1024;
const mostEntries = 1_024;
/** Requests waiting for the database beyond which nothing more is asked for. */
const fullAt = 20_000;

/**
 * Credit is what an agent is told; `enter` is what holds, whatever an agent believes or pretends. Whoever was told to
 * pause is woken in the order of asking, about as many as there is room for.
 */
export function createIntakeBudget(options: IntakeBudgetOptions): IntakeBudget {
  const { fleet, figures, wake, bytes: total = budgetBytes } = options;
  let held = 0;
  const paused = new Set<string>();
  const share = () => Math.min(mostBytes, Math.max(leastBytes, Math.floor(total / Math.max(1, fleet()))));
  const isBlocked = () => {
    const { queued, failed } = figures();
    return failed || queued > fullAt || held >= total;
  };
  const granted = (): Credit =>
    isBlocked() ? { entries: 0, bytes: 0 } : { entries: mostEntries, bytes: Math.min(share(), total - held) };
  const wakeSome = (most: number) => {
    if (paused.size === 0 || isBlocked()) return;
    for (const agent of [...paused].slice(0, most)) {
      paused.delete(agent);
      wake(agent);
    }
  };
  return {
    of: (agent) => ({
      credit() {
        const credit = granted();
        if (credit.entries === 0) paused.add(agent);
        return credit;
      },
      room: {
        enter(bytes) {
          if (held > 0 && held + bytes > total) {
            paused.add(agent);
            return false;
          }
          held += bytes;
          return true;
        },
        leave(bytes) {
          held -= bytes;
          // Once all is free, all of them: those that were woken last may have gone away, and will give nothing back.
          wakeSome(held === 0 ? paused.size : Math.max(1, Math.ceil(bytes / share())));
        },
      },
    }),
    goOn() {
      if (paused.size > 0) wakeSome(Math.max(1, Math.floor((total - held) / share())));
    },
    granted,
    figures: () => ({ bytes: held, paused: paused.size }),
  };
}
