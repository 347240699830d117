/** One agent's down ledger in the hub's store, as the link's sender wants it. */
import { type Clock, timestamp } from "../../shared/clock.ts";
import type { Outbox, OutboxEpoch } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { DownEntry } from "../../shared/wire/messages.ts";
import type { Store } from "../store/store.ts";

export interface DownOutbox extends Outbox<DownEntry> {
  /** Reads the ledger's epochs anew and wakes the sender; tried again when it fails. Never rejects. */
  refresh(): Promise<void>;
  /** Reads no more. */
  close(): void;
}

export interface DownOutboxOptions {
  readonly store: Store;
  readonly agent: string;
  /** While true nothing is read, and so nothing sent; `refresh` tells that it no longer is. */
  readonly isPaused: () => boolean;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Logger;
}

/** The sender asks for epochs at once, the store answers later: what it last said is kept here. */
export async function openDownOutbox(options: DownOutboxOptions): Promise<DownOutbox> {
  const { store, agent, timers, jitter, clock, newId, log } = options;
  let epochs: readonly OutboxEpoch[] = await store.downEpochs(agent);
  const listeners = new Set<() => void>();
  const reading = new Rounds({
    timers,
    jitter,
    work: async () => {
      epochs = await store.downEpochs(agent);
      for (const listener of listeners) listener();
    },
    failed: (error, retryMs) =>
      log.warn("a down ledger could not be read yet", { agent, error, retry_in_ms: retryMs }),
  });

  return {
    epochs: () => epochs,
    read: async (epoch, from, maxEntries, maxBytes) =>
      options.isPaused() ? [] : store.readDown(agent, epoch, from, maxEntries, maxBytes),
    async receipted(epoch, upTo) {
      await store.receiptDown(agent, epoch, upTo);
      await reading.ask();
    },
    async park(epoch, n, reason) {
      const [entry] = await store.readDown(agent, epoch, n, 1, 1);
      await store.parkDown(agent, epoch, n, {
        id: newId(),
        agent,
        received_at: timestamp(clock.now()),
        code: "WIRE_PACKET",
        reason: `the agent cannot decode it: ${reason}`,
        entry: entry === undefined ? null : JSON.parse(JSON.stringify(entry.entry)),
      });
      await reading.ask();
    },
    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh: () => reading.ask(),
    close: () => void reading.stop(),
  };
}
