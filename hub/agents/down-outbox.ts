/** One agent's down ledger in the hub's store, as the link's sender wants it. */
import { type Clock, parseTimestamp, timestamp } from "../../shared/clock.ts";
import { errorReport } from "../../shared/errors.ts";
import type { NumberedEntry, Outbox, OutboxEpoch } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { DownEntry } from "../../shared/wire/messages.ts";
import { isFinal } from "../executions/life.ts";
import type { StoredEntry } from "../store/port/ledgers.ts";
import type { Store } from "../store/store.ts";

/** How often (ms) a missing key is looked for while an entry waits for it. */
const lookAgainMs = 5_000;

export interface DownOutbox extends Outbox<DownEntry> {
  /**
   * Reads the ledger's epochs anew and wakes the sender, at once when they are in memory; tried again when it fails. Never
   * rejects.
   */
  refresh(): Promise<void>;
  /** Reads no more. */
  close(): void;
}

export interface DownOutboxOptions {
  readonly store: Store;
  readonly agent: string;
  /** While true nothing is read, and so nothing sent; `refresh` tells that it no longer is. */
  readonly isPaused: () => boolean;
  /** An entry as the agent is to get it. Throws KEY_FILE, KEY_UNREADABLE, AGENT_TOO_OLD. */
  readonly openEntry: (entry: StoredEntry) => DownEntry;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Logger;
}

/** The sender asks for epochs at once, the store may answer later: what it last said is kept here. */
export async function openDownOutbox(options: DownOutboxOptions): Promise<DownOutbox> {
  const { store, agent, openEntry, timers, jitter, clock, newId, log } = options;
  let epochs: readonly OutboxEpoch[] = await store.downEpochs(agent);
  const listeners = new Set<() => void>();
  const wake = () => {
    for (const listener of listeners) listener();
  };
  /** A read has begun and has not succeeded yet: the store may know more than what is kept here. */
  let isBehind = false;
  const reading = new Rounds({
    timers,
    jitter,
    work: async () => {
      isBehind = true;
      epochs = await store.downEpochs(agent);
      isBehind = false;
      wake();
    },
    failed: (error, retryMs) =>
      log.warn("a down ledger could not be read yet", { agent, error, retry_in_ms: retryMs }),
  });

  const setAside = async (epoch: string, n: number, code: string, reason: string) => {
    const [entry] = await store.readDown(agent, epoch, n, 1, 1);
    await store.parkDown(agent, epoch, n, {
      id: newId(),
      agent,
      received_at: timestamp(clock.now()),
      code,
      reason,
      entry: entry === undefined ? null : JSON.parse(JSON.stringify(entry.entry)),
    });
  };

  let cancelLook: (() => void) | null = null;
  let isHeld = false;
  /** The key may be put back: it is looked for again and again, and said once. */
  const hold = (entry: StoredEntry, error: unknown) => {
    if (!isHeld)
      log.error("an entry waits for the key to its secrets, and so does what is behind it", {
        agent,
        entry: entry.id,
        error,
      });
    isHeld = true;
    cancelLook ??= timers.after(lookAgainMs, () => {
      cancelLook = null;
      wake();
    });
  };

  const isWanted = async (entry: StoredEntry) => {
    if (isOver(entry, clock.now())) return false;
    if (entry.kind !== "action-request") return true;
    const status = (await store.execution(entry.execution))?.status ?? "canceled";
    return status !== "canceling" && !isFinal(status);
  };

  const refused = async (
    epoch: string,
    { n, entry }: NumberedEntry<StoredEntry>,
    { code, reason, error }: { readonly code: string; readonly reason: string; readonly error: unknown },
  ) => {
    const execution = entry.kind === "action-request" ? { execution: entry.execution } : {};
    const about = { agent, entry: entry.id, ...execution, error };
    const wanted = await isWanted(entry);
    if (wanted) log.error("an entry with secrets cannot be sent", about);
    if (wanted && code !== "AGENT_TOO_OLD") await setAside(epoch, n, code, reason);
    else await store.voidDown(agent, epoch, n, { received_at: timestamp(clock.now()), reason });
  };

  /**
   * Stops before one that cannot be opened. The first is set aside, so that nothing behind it waits; but while the key is
   * missing it waits itself, if it is wanted still. What an agent is too old for is not kept: to send it again, by whomever,
   * would end the same; nor is what nobody wants any more.
   */
  const opened = async (
    epoch: string,
    stored: readonly NumberedEntry<StoredEntry>[],
  ): Promise<readonly NumberedEntry<DownEntry>[] | null> => {
    const entries: NumberedEntry<DownEntry>[] = [];
    for (const numbered of stored) {
      try {
        const entry = openEntry(numbered.entry);
        const isSame = entry === numbered.entry;
        const size = isSame ? numbered.size : Buffer.byteLength(JSON.stringify(entry));
        entries.push({ n: numbered.n, last: numbered.last, entry, size });
        if (!isSame) isHeld = false;
      } catch (error) {
        if (entries.length > 0) return entries;
        const { code, message } = errorReport(error);
        if (code === "KEY_FILE" && !isOver(numbered.entry, clock.now())) {
          hold(numbered.entry, error);
          return [];
        }
        await refused(epoch, numbered, { code, reason: `${code}: ${message}`, error });
        return null;
      }
    }
    return entries;
  };
  const read: DownOutbox["read"] = (epoch, from, maxEntries, maxBytes) => {
    if (options.isPaused()) return [];
    const again = async (stored: readonly NumberedEntry<StoredEntry>[]) =>
      (await opened(epoch, stored)) ?? read(epoch, from, maxEntries, maxBytes);
    const ready = (stored: readonly NumberedEntry<StoredEntry>[]) =>
      stored.some(({ entry }) => "sealed" in entry) ? again(stored) : stored;
    const stored = store.readDown(agent, epoch, from, maxEntries, maxBytes);
    return stored instanceof Promise ? stored.then(ready) : ready(stored);
  };

  return {
    epochs: () => epochs,
    read,
    async receipted(epoch, upTo) {
      await store.receiptDown(agent, epoch, upTo);
      // What has moved up into the room is told of as any dispatch is; so there is nothing to read for a receipt, unless
      // what is being read now is older, or could not be read, or an epoch has come to its end.
      const shrunk = isBehind ? null : receiptedTo(epochs, epoch, upTo);
      if (shrunk === null) await reading.ask();
      else epochs = shrunk;
    },
    async park(epoch, n, reason) {
      await setAside(epoch, n, "WIRE_PACKET", `the agent cannot decode it: ${reason}`);
      await reading.ask();
    },
    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh() {
      const now = isBehind ? null : store.downEpochsNow(agent);
      if (now === null) return reading.ask();
      epochs = now;
      try {
        wake();
      } catch (error) {
        log.warn("what a down ledger has to send could not be sent at once", { agent, error });
        return reading.ask();
      }
      return Promise.resolve();
    },
    close: () => {
      cancelLook?.();
      void reading.stop();
    },
  };
}

/** `null` when the store may have more to say about it than where the epoch begins now. */
function receiptedTo(
  epochs: readonly OutboxEpoch[],
  id: string,
  upTo: number,
): readonly OutboxEpoch[] | null {
  const epoch = epochs.find((each) => each.id === id);
  const first = upTo + 1;
  if (epoch === undefined || first < epoch.first || first > epoch.last + 1) return null;
  if (first > epoch.last && epoch !== epochs.at(-1)) return null;
  return epochs.map((each) => (each === epoch ? { ...epoch, first } : each));
}

/** Nobody wants it any more. */
function isOver(entry: StoredEntry, nowMs: number): boolean {
  const expires =
    entry.kind === "action-request" && entry.expires_at !== null ? parseTimestamp(entry.expires_at) : null;
  return expires !== null && expires <= nowMs;
}
