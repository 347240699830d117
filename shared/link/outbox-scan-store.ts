/** What the outbox reads from LevelDB: where epochs begin and end, entries in order, rows that may go. */
import { Buffer } from "node:buffer";
import type { ClassicLevel } from "classic-level";
import type { UpEntry } from "../wire/messages.ts";
import { type EpochState, type OutboxLimits, outboxFigures } from "./outbox-epochs.ts";
import { keyNumber, type OutboxKeys, readEpochRecord, readRow, rowEntry } from "./outbox-rows.ts";
import type { NumberedEntry } from "./ports.ts";
import { receiptedBefore } from "./receipt-log.ts";

type Db = ClassicLevel<string, string>;

export interface LoadedEpochs {
  /** Oldest first. */
  readonly epochs: EpochState[];
  /** Ordinals of records whose entries are all deleted. */
  readonly emptied: number[];
  /** Greater than any on disk. */
  readonly nextOrdinal: number;
}

/** Two seeks per epoch, whatever its length. */
export async function loadEpochs(db: Db, keys: OutboxKeys): Promise<LoadedEpochs> {
  const epochs: EpochState[] = [];
  const emptied: number[] = [];
  let nextOrdinal = 1;
  for await (const [key, value] of db.iterator(keys.epochs)) {
    const ordinal = keyNumber(key);
    nextOrdinal = ordinal + 1;
    const epoch = await loadEpoch(db, keys, ordinal, value);
    if (epoch === null) emptied.push(ordinal);
    else epochs.push(epoch);
  }
  return { epochs, emptied, nextOrdinal };
}

async function loadEpoch(
  db: Db,
  keys: OutboxKeys,
  ordinal: number,
  value: string,
): Promise<EpochState | null> {
  const { id, receipts } = readEpochRecord(value);
  const rows = keys.rowsFrom(ordinal, 0);
  const [head] = await db.iterator({ ...rows, limit: 1 }).all();
  const [tail] = await db.iterator({ ...rows, limit: 1, reverse: true }).all();
  if (head === undefined || tail === undefined) return null;
  const firstRow = readRow(...head);
  const lastRow = readRow(...tail);
  const epoch: EpochState = {
    id,
    ordinal,
    first: firstRow.n,
    last: lastRow.n,
    given: lastRow.n,
    receipted: Math.min(Math.max(receipts.at(-1)?.[0] ?? 0, firstRow.n - 1), lastRow.n),
    totalBefore: firstRow.total - Buffer.byteLength(firstRow.text),
    totalReceipted: 0,
    totalLast: lastRow.total,
    totalGiven: lastRow.total,
    receipts,
    dirty: false,
  };
  epoch.totalReceipted = await totalAt(db, keys, epoch, epoch.receipted);
  return epoch;
}

/** Bytes of the epoch's entries up to number `n`. */
export async function totalAt(db: Db, keys: OutboxKeys, epoch: EpochState, n: number): Promise<number> {
  if (n >= epoch.last) return epoch.totalLast;
  if (n < epoch.first) return epoch.totalBefore;
  const value = await db.get(keys.row(epoch.ordinal, n));
  return value === undefined ? epoch.totalBefore : readRow(keys.row(epoch.ordinal, n), value).total;
}

/**
 * Entries of an epoch from `from` to `last` at most, without a hole: `stand` makes the void that takes the place of
 * what the disk does not give back, so that nothing behind it waits for ever.
 */
export async function readEntries(
  db: Db,
  keys: OutboxKeys,
  epoch: { readonly ordinal: number; readonly last: number },
  from: number,
  most: { readonly entries: number; readonly bytes: number },
  stand: (from: number, to: number, reason: string) => NumberedEntry<UpEntry>,
): Promise<readonly NumberedEntry<UpEntry>[]> {
  const { ordinal, last } = epoch;
  const found: NumberedEntry<UpEntry>[] = [];
  let bytes = 0;
  let next = from;
  for await (const [key, value] of db.iterator(keys.rowsFrom(ordinal, from))) {
    const row = readRow(key, value);
    if (row.n > last || found.length >= most.entries) break;
    if (row.n > next) found.push(stand(next, row.n - 1, "missing in the outbox"));
    const entry = rowEntry(row) ?? stand(row.n, row.n, "unreadable in the outbox");
    bytes += entry.size;
    if (found.length > 0 && bytes > most.bytes) return found;
    found.push(entry);
    next = row.n + 1;
  }
  if (found.length === 0) found.push(stand(from, last, "missing in the outbox"));
  return found;
}

/** A row that may be deleted. */
export interface RipeRow {
  readonly epoch: EpochState;
  readonly n: number;
  readonly total: number;
}

/** Rows looked at in one go; and how far what is kept may exceed its budget before that is worth a scan. */
const scanRows = 2_000;
const slackBytes = 1024 * 1024;

/** Everything in the epoch at this place up to this number is older than what is kept. */
function oldUpTo(epochs: readonly EpochState[], index: number, limits: OutboxLimits, now: number): number {
  const epoch = epochs[index];
  if (epoch === undefined) return 0;
  return epochs.length - index > limits.maxEpochs && epoch.receipted >= epoch.last
    ? epoch.last
    : receiptedBefore(epoch.receipts, now, limits.keepMs);
}

/** Bytes that are kept beyond the budget. */
function excessOf(epochs: readonly EpochState[], limits: OutboxLimits): number {
  return outboxFigures(epochs).keptBytes - limits.keepBytes;
}

/** Whether a scan for ripe rows is worth it. Reads nothing. */
export function hasRipeRows(epochs: readonly EpochState[], limits: OutboxLimits, now: number): boolean {
  return (
    excessOf(epochs, limits) > slackBytes ||
    epochs.some(({ first }, i) => oldUpTo(epochs, i, limits, now) >= first)
  );
}

/** The oldest receipted rows that exceed the age or the budget of what is kept (`hasRipeRows`). Starts at each epoch's head. */
export async function ripeRows(
  db: Db,
  keys: OutboxKeys,
  epochs: readonly EpochState[],
  limits: OutboxLimits,
  now: number,
): Promise<readonly RipeRow[]> {
  let excess = excessOf(epochs, limits);
  const ripe: RipeRow[] = [];
  for (const [i, epoch] of epochs.entries()) {
    const old = oldUpTo(epochs, i, limits, now);
    let before = epoch.totalBefore;
    for await (const [key, value] of db.iterator(keys.rowsFrom(epoch.ordinal, epoch.first))) {
      const { n, total } = readRow(key, value);
      if (n > epoch.receipted || (n > old && excess <= 0)) break;
      if (ripe.length >= scanRows) return ripe;
      ripe.push({ epoch, n, total });
      excess -= total - before;
      before = total;
    }
  }
  return ripe;
}
