/** One agent's down ledger in the hub's store, as the link's sender wants it. */
import { type Clock, timestamp } from "../../shared/clock.ts";
import type { Outbox } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import type { DownEntry, EpochRange } from "../../shared/wire/messages.ts";
import type { Store } from "../store/store.ts";

export interface DownOutbox extends Outbox<DownEntry> {
  /** Reads the ledger's epochs anew and wakes the sender when there is more. */
  refresh(): Promise<void>;
}

export interface DownOutboxOptions {
  readonly store: Store;
  readonly agent: string;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Logger;
}

/** The sender asks for epochs at once, the store answers later: what it last said is kept here. */
export async function openDownOutbox({
  store,
  agent,
  clock,
  newId,
  log,
}: DownOutboxOptions): Promise<DownOutbox> {
  let epochs: readonly EpochRange[] = await store.downEpochs(agent);
  let reading: Promise<void> | null = null;
  let isStale = false;
  const listeners = new Set<() => void>();

  const readAgain = async (): Promise<void> => {
    do {
      isStale = false;
      epochs = await store.downEpochs(agent);
    } while (isStale);
    for (const listener of listeners) listener();
  };
  const refresh = (): Promise<void> => {
    isStale = true;
    reading ??= readAgain()
      .catch((error) =>
        log.warn("a down ledger could not be read; it is read again with the next change", { agent, error }),
      )
      .finally(() => {
        reading = null;
      });
    return reading;
  };

  return {
    epochs: () => epochs,
    read: (epoch, from, maxEntries, maxBytes) => store.readDown(agent, epoch, from, maxEntries, maxBytes),
    async receipted(epoch, upTo) {
      await store.receiptDown(agent, epoch, upTo);
      await refresh();
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
      await refresh();
    },
    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh,
  };
}
