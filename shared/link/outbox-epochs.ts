/** What the outbox remembers of each epoch, and what that allows. Pure. */
import { PetrelError } from "../errors.ts";
import type { EntryKind, UpEntry } from "../wire/messages.ts";
import type { ReceiptLog } from "./receipt-log.ts";

export interface OutboxLimits {
  /** Of entries without a receipt. */
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Part of `maxBytes` that only gaps and results may use: they tell what was lost, and what was done. */
  readonly reserveBytes: number;
  /** Receipted entries are kept this long, unless they exceed `keepBytes`. */
  readonly keepMs: number;
  readonly keepBytes: number;
  /** Wholly receipted epochs beyond this number go whatever their age: each start opens one. */
  readonly maxEpochs: number;
  /** An epoch that holds so much without a receipt is a backlog: fresh entries go to a new one, and pass it. */
  readonly backlogEntries: number;
  readonly backlogBytes: number;
}

export const outboxLimits: OutboxLimits = {
  maxEntries: 1_000_000,
  maxBytes: 256 * 1024 * 1024,
  reserveBytes: 4 * 1024 * 1024,
  keepMs: 24 * 3_600_000,
  keepBytes: 64 * 1024 * 1024,
  maxEpochs: 256,
  backlogEntries: 4_096,
  backlogBytes: 4 * 1024 * 1024,
};

export interface EpochState {
  readonly id: string;
  readonly ordinal: number;
  /** Oldest entry on disk; `last + 1` when there is none. */
  first: number;
  /** Newest entry on disk. */
  last: number;
  /** Newest number given out; runs ahead of `last` while a batch is being written. */
  given: number;
  receipted: number;
  /** Bytes of the epoch's entries: before `first`, up to `receipted`, up to `last`, up to `given`. */
  totalBefore: number;
  totalReceipted: number;
  totalLast: number;
  totalGiven: number;
  receipts: ReceiptLog;
  /** The record on disk does not say all of this. */
  dirty: boolean;
}

export interface OutboxFigures {
  /** Without a receipt. */
  readonly entries: number;
  readonly bytes: number;
  /** Receipted and still kept. */
  readonly keptBytes: number;
  readonly epochs: number;
}

/** Its record is written with its first entry, so that starts without entries leave nothing behind. */
export function emptyEpoch(id: string, ordinal: number): EpochState {
  return {
    id,
    ordinal,
    first: 1,
    last: 0,
    given: 0,
    receipted: 0,
    totalBefore: 0,
    totalReceipted: 0,
    totalLast: 0,
    totalGiven: 0,
    receipts: [],
    dirty: true,
  };
}

export function outboxFigures(epochs: readonly EpochState[]): OutboxFigures {
  let entries = 0;
  let bytes = 0;
  let keptBytes = 0;
  for (const epoch of epochs) {
    entries += epoch.given - epoch.receipted;
    bytes += epoch.totalGiven - epoch.totalReceipted;
    keptBytes += epoch.totalReceipted - epoch.totalBefore;
  }
  return { entries, bytes, keptBytes, epochs: epochs.length };
}

/** True when the epoch is a backlog that fresh entries should pass. */
export function isBacklog(epoch: EpochState, limits: OutboxLimits): boolean {
  return (
    epoch.given - epoch.receipted >= limits.backlogEntries ||
    epoch.totalGiven - epoch.totalReceipted >= limits.backlogBytes
  );
}

const urgentKinds: ReadonlySet<EntryKind> = new Set<EntryKind>([
  "link-gap",
  "execution-update",
  "upgrade-report",
]);

/** Throws LINK_OUTBOX_FULL when something other than gaps and news of executions is not wanted now. */
export function refuseWhenHeld(reason: string | null, entries: readonly UpEntry[]): void {
  if (reason === null || entries.every(({ kind }) => urgentKinds.has(kind))) return;
  throw new PetrelError("LINK_OUTBOX_FULL", `nothing is taken at present: ${reason}`, {
    hint: "free some disk space",
  });
}

/** Throws LINK_OUTBOX_FULL when these entries, `bytes` long, would exceed the limits. */
export function refuseWhenFull(
  held: OutboxFigures,
  limits: OutboxLimits,
  entries: readonly UpEntry[],
  bytes: number,
): void {
  const urgent = entries.every(({ kind }) => urgentKinds.has(kind));
  const room = urgent ? limits.maxBytes : limits.maxBytes - limits.reserveBytes;
  if (held.bytes + bytes <= room && (urgent || held.entries + entries.length <= limits.maxEntries)) return;
  throw new PetrelError(
    "LINK_OUTBOX_FULL",
    `${held.entries} entries (${held.bytes} bytes) wait for a receipt`,
    {
      hint: "the hub takes nothing at present; look at `petrel-agent status`",
    },
  );
}
