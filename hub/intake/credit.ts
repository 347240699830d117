/** How much each agent may have on its way to the hub: one memory budget, divided among those connected. */
import type { Credit } from "../../shared/wire/messages.ts";

export interface CreditOptions {
  readonly connected: () => number;
  readonly figures: () => { readonly queued: number; readonly failed: boolean };
}

/** Bytes of packets that all agents together may have in the hub's memory. */
const budgetBytes = 128 * 1024 * 1024;
/** An agent always gets at least one packet's worth, or a large fleet would stand still. */
const leastBytes = 256 * 1024;
const mostBytes = 4 * 1024 * 1024;
const mostEntries = 1_024;
/** Requests waiting for the database beyond which nothing more is asked for. */
const fullAt = 20_000;

export function createCreditSource({ connected, figures }: CreditOptions): () => Credit {
  return () => {
    const { queued, failed } = figures();
    if (failed || queued > fullAt) return { entries: 0, bytes: 0 };
    const share = Math.floor(budgetBytes / Math.max(1, connected()));
    return { entries: mostEntries, bytes: Math.min(mostBytes, Math.max(leastBytes, share)) };
  };
}
