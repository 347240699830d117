/** An agent's durable outbox on LevelDB: entries stay until the hub's receipt covers them, and a while longer. */
import { Buffer } from "node:buffer";
import type { ClassicLevel } from "classic-level";
import { timestamp } from "../clock.ts";
import { PetrelError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Committer, StoreOp } from "../storage/committer-store.ts";
import {
  type EpochRange,
  type LinkGapEntry,
  maxEntryBytes,
  type UpEntry,
  type VoidEntry,
} from "../wire/messages.ts";
import { jsonProblem } from "../wire/plain-json.ts";
import {
  type EpochState,
  emptyEpoch,
  isBacklog,
  type OutboxFigures,
  type OutboxLimits,
  outboxFigures,
  outboxLimits,
  refuseWhenFull,
  refuseWhenHeld,
} from "./outbox-epochs.ts";
import { type OutboxKeys, outboxKeys, readRow, rowEntry, rowValue, voidAt } from "./outbox-rows.ts";
import {
  hasRipeRows,
  loadEpochs,
  type RipeRow,
  readEntries,
  ripeRows,
  totalAt,
} from "./outbox-scan-store.ts";
import { OutboxTail } from "./outbox-tail.ts";
import type { NumberedEntry, Outbox } from "./ports.ts";
import { logReceipt } from "./receipt-log.ts";

/** What a caller may append; voids are the outbox's own. */
export type AppendEntry = Exclude<UpEntry, VoidEntry>;

export interface OutboxStoreOptions {
  readonly db: ClassicLevel<string, string>;
  readonly committer: Committer;
  /** First part of the keys. */
  readonly prefix: string;
  readonly newId: () => string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
  readonly limits?: Partial<OutboxLimits>;
}

/** LevelDB finds the head slowly behind more deletions than this. */
const compactAfter = 100_000;
/** Bytes of a key and its row's head, for the committer's account. */
const rowOverhead = 64;

/**
 * Each opening begins a new epoch, so that a store that was rolled back never numbers two entries alike; so does the
 * committer's `resume`, since nobody knows how much of a failed batch is on disk. And so does a backlog: at the next
 * hello, and whenever one has built up behind none that is older; and what is appended in bulk.
 */
export class OutboxStore implements Outbox<UpEntry> {
  readonly #options: OutboxStoreOptions;
  readonly #limits: OutboxLimits;
  readonly #keys: OutboxKeys;
  readonly #listeners = new Set<(canWait: boolean) => void>();
  readonly #drained = new Set<() => void>();
  /** Oldest first; the last is the current one. */
  #epochs: readonly EpochState[] = [];
  #tail = new OutboxTail();
  /** Id of the epoch of this life for what comes in bulk. */
  #bulk: string | null = null;
  /** Rows, and records of epochs that hold nothing any more, to delete with the next append. */
  #ripe: readonly RipeRow[] = [];
  #emptied: number[] = [];
  #trimming = false;
  #held: string | null = null;
  #deletedRows = 0;

  private constructor(options: OutboxStoreOptions) {
    this.#options = options;
    this.#limits = { ...outboxLimits, ...options.limits };
    this.#keys = outboxKeys(options.prefix);
  }

  static async open(options: OutboxStoreOptions): Promise<OutboxStore> {
    const outbox = new OutboxStore(options);
    await outbox.#load();
    options.committer.onResume(() => outbox.#load());
    return outbox;
  }

  epochs(): readonly EpochRange[] {
    return this.#epochs.map(({ id, first, last }) => ({ id, first, last }));
  }

  /** While `reason` is not `null` only gaps and news of executions are taken; the rest waits as if it were full. */
  hold(reason: string | null): void {
    this.#held = reason;
  }

  /** True when what is not urgent may no longer fit. */
  get isFull(): boolean {
    const { entries, bytes } = this.figures();
    const { maxEntries, maxBytes, reserveBytes } = this.#limits;
    return entries >= maxEntries || bytes + maxEntryBytes > maxBytes - reserveBytes;
  }

  /** What is appended from now on goes to a new epoch, if the current one has become a backlog. */
  passBacklog(): void {
    const current = this.#current();
    if (!isBacklog(current, this.#limits)) return;
    this.#epochs = [...this.#epochs, emptyEpoch(this.#options.newId(), current.ordinal + 1)];
    this.#tail = new OutboxTail();
  }

  /** When the oldest entry without a receipt happened, as it says itself; `null` when there is none. */
  async oldestAt(): Promise<string | null> {
    for (const { id, receipted, last } of this.#epochs) {
      if (receipted >= last) continue;
      const [oldest] = await this.read(id, receipted + 1, 1, 1);
      if (oldest !== undefined) return oldest.entry.at;
    }
    return null;
  }

  figures(): OutboxFigures {
    return outboxFigures(this.#epochs);
  }

  /**
   * Numbers the entries and resolves once they and `extraOps` are on disk, in one batch with sync. Touches nothing
   * and throws LINK_ENTRY_TOO_LARGE, WIRE_PACKET (nested too deep) or LINK_OUTBOX_FULL. STORE_WRITE: not promised.
   * What goes `inBulk` drains like a backlog: in its own order, and passed by everything else.
   */
  async append(
    entries: readonly AppendEntry[],
    extraOps: readonly StoreOp[] = [],
    { inBulk = false }: { readonly inBulk?: boolean } = {},
  ): Promise<readonly NumberedEntry<UpEntry>[]> {
    const { committer, prefix } = this.#options;
    if (committer.failure !== null) throw committer.failure;
    const oldest = this.#epochs.find(({ receipted, given }) => receipted < given);
    if (oldest === this.#current()) this.passBacklog();
    const epoch = inBulk ? this.#bulkEpoch() : this.#current();
    const numbered: NumberedEntry<UpEntry>[] = [];
    let bytes = 0;
    for (const entry of entries) {
      const next = numberedEntry(entry, epoch.given + 1 + numbered.length);
      numbered.push(next);
      bytes += next.size;
    }
    refuseWhenFull(this.figures(), this.#limits, entries, bytes);
    refuseWhenHeld(this.#held, entries);

    let total = epoch.totalGiven;
    const ops: StoreOp[] = [];
    for (const { n, size, text = "" } of numbered) {
      total += size;
      ops.push({ type: "put", key: this.#keys.row(epoch.ordinal, n), value: rowValue(total, text) });
    }
    epoch.given += entries.length;
    epoch.totalGiven = total;
    const deleted = this.#ride(ops);
    for (const op of extraOps) ops.push(op);
    await committer.commit({ ops, bytes: bytes + rowOverhead * ops.length, source: prefix });

    epoch.last = numbered.at(-1)?.n ?? epoch.last;
    epoch.totalLast = total;
    if (epoch === this.#current()) this.#tail.push(numbered, total);
    if (deleted.length > 0) this.#forget(deleted);
    const all = entries.every(canWait);
    for (const listener of this.#listeners) listener(all);
    return numbered;
  }

  read(
    epochId: string,
    from: number,
    maxEntries: number,
    maxBytes: number,
  ): readonly NumberedEntry<UpEntry>[] | Promise<readonly NumberedEntry<UpEntry>[]> {
    const epoch = this.#find(epochId);
    if (epoch === undefined || from > epoch.last) return [];
    if (epoch === this.#current() && this.#tail.has(from)) return this.#tail.read(from, maxEntries, maxBytes);
    const { ordinal, last } = epoch;
    const most = { entries: maxEntries, bytes: maxBytes };
    return readEntries(this.#options.db, this.#keys, { ordinal, last }, from, most, this.#void);
  }

  async receipted(epochId: string, upTo: number): Promise<void> {
    const epoch = this.#find(epochId);
    const to = Math.min(upTo, epoch?.last ?? 0);
    if (epoch === undefined || to <= epoch.receipted) return;
    epoch.receipted = to;
    epoch.receipts = logReceipt(epoch.receipts, to, this.#options.now(), epoch.first);
    epoch.dirty = true;
    const near = epoch === this.#current() ? this.#tail.totalAt(to) : null;
    const total = near ?? (await totalAt(this.#options.db, this.#keys, epoch, to));
    epoch.totalReceipted = Math.max(epoch.totalReceipted, total);
    if (epoch !== this.#current() && epoch.receipted === epoch.given)
      for (const listener of this.#drained) listener();
    // Most receipts leave nothing to delete.
    if (this.#mayTrim()) await this.#trim();
  }

  /** The original stays under a key of its own, and a gap entry tells the hub; all in one batch with sync. */
  async park(epochId: string, n: number, reason: string): Promise<void> {
    const epoch = this.#find(epochId);
    if (epoch === undefined) return;
    const key = this.#keys.row(epoch.ordinal, n);
    const value = await this.#options.db.get(key);
    if (value === undefined) return;
    const row = readRow(key, value);
    if (rowEntry(row)?.entry.kind === "void") return;
    const short = reason.slice(0, 1_000);
    const at = timestamp(this.#options.now());
    const stand = this.#void(n, n, short);
    const gap: LinkGapEntry = {
      id: this.#options.newId(),
      at,
      kind: "link-gap",
      epoch: epochId,
      from: n,
      to: n,
      reason: `parked: ${short}`,
    };
    const parked = JSON.stringify({ at, reason: short, text: row.text });
    await this.append(
      [gap],
      [
        { type: "put", key, value: rowValue(row.total, stand.text ?? "") },
        { type: "put", key: this.#keys.parked(epochId, n), value: parked },
      ],
    );
    if (epoch === this.#current()) this.#tail.replace(stand);
  }

  onAppend(listener: (canWait: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Calls back when an older epoch is receipted to its end. What it said of how things stand may have come after what
   * a newer epoch says; returns the way to stop that.
   */
  onDrained(listener: () => void): () => void {
    this.#drained.add(listener);
    return () => this.#drained.delete(listener);
  }

  async #load(): Promise<void> {
    const { epochs, emptied, nextOrdinal } = await loadEpochs(this.#options.db, this.#keys);
    this.#epochs = [...epochs, emptyEpoch(this.#options.newId(), nextOrdinal)];
    this.#bulk = null;
    this.#emptied = emptied;
    this.#ripe = [];
    this.#tail = new OutboxTail();
  }

  #find(id: string): EpochState | undefined {
    return this.#epochs.find((epoch) => epoch.id === id);
  }

  #current(): EpochState {
    const current = this.#epochs.at(-1);
    if (current === undefined) throw new TypeError("the outbox was not opened");
    return current;
  }

  /** Older than the current epoch, which therefore passes it; one for all that comes in bulk, while it holds anything. */
  #bulkEpoch(): EpochState {
    const open = this.#epochs.find(({ id }) => id === this.#bulk);
    if (open !== undefined) return open;
    const { ordinal } = this.#current();
    const bulk = emptyEpoch(this.#options.newId(), ordinal + 1);
    this.#epochs = [...this.#epochs, bulk, emptyEpoch(this.#options.newId(), ordinal + 2)];
    this.#tail = new OutboxTail();
    this.#bulk = bulk.id;
    return bulk;
  }

  /** Adds what needs no sync of its own to a batch that has one: epoch records, and rows that may go. */
  #ride(ops: StoreOp[]): readonly RipeRow[] {
    for (const epoch of this.#epochs) {
      if (!epoch.dirty) continue;
      epoch.dirty = false;
      const value = JSON.stringify({ id: epoch.id, receipts: epoch.receipts });
      ops.push({ type: "put", key: this.#keys.epoch(epoch.ordinal), value });
    }
    for (const ordinal of this.#emptied) ops.push({ type: "del", key: this.#keys.epoch(ordinal) });
    if (this.#emptied.length > 0) this.#emptied = [];
    const ripe = this.#ripe;
    if (ripe.length > 0) this.#ripe = [];
    for (const { epoch, n } of ripe) ops.push({ type: "del", key: this.#keys.row(epoch.ordinal, n) });
    return ripe;
  }

  /** These rows are off the disk. Epochs left empty go from the list now, and from the disk with the next append. */
  #forget(rows: readonly RipeRow[]): void {
    for (const { epoch, n, total } of rows) {
      epoch.first = n + 1;
      epoch.totalBefore = total;
    }
    const current = this.#current();
    const empty = this.#epochs.filter((epoch) => epoch !== current && epoch.first > epoch.given);
    this.#emptied.push(...empty.map(({ ordinal }) => ordinal));
    this.#epochs = this.#epochs.filter((epoch) => !empty.includes(epoch));
    this.#deletedRows += rows.length;
    const last = rows.at(-1);
    if (this.#deletedRows >= compactAfter && last !== undefined) {
      this.#deletedRows = 0;
      const head = this.#keys.row(last.epoch.ordinal, last.n);
      this.#background(this.#options.db.compactRange(this.#keys.allRows.gt, head));
    }
    this.#background(this.#trim());
  }

  #mayTrim(): boolean {
    const { now } = this.#options;
    return !this.#trimming && this.#ripe.length === 0 && hasRipeRows(this.#epochs, this.#limits, now());
  }

  /** Finds rows to delete; they go with the next append, since deleting is never urgent. */
  async #trim(): Promise<void> {
    if (!this.#mayTrim()) return;
    this.#trimming = true;
    const epochs = this.#epochs;
    try {
      const { db, now } = this.#options;
      const ripe = await ripeRows(db, this.#keys, epochs, this.#limits, now());
      // Read anew meanwhile: these rows would be accounted to epochs that are no longer looked at.
      if (this.#epochs === epochs) this.#ripe = ripe;
    } finally {
      this.#trimming = false;
    }
  }

  readonly #void = (from: number, to: number, reason: string): NumberedEntry<UpEntry> =>
    voidAt(from, to, reason, this.#options.newId(), timestamp(this.#options.now()));

  /** Tidying fails with the disk; the next batch tells that to those who must know. */
  #background(tidying: Promise<void>): void {
    tidying.catch((error) => this.#options.log.warn("the outbox cannot be tidied", { error }));
  }
}

/**
 * That a request was accepted is nothing the hub acts on. It travels best with the next entry, most often that of its
 * start: on its own it would cost a packet, a take and a receipt more for each execution.
 */
function canWait(entry: AppendEntry): boolean {
  return entry.kind === "execution-update" && entry.status === "accepted";
}

/** Throws LINK_ENTRY_TOO_LARGE, or WIRE_PACKET for what the peer would refuse. */
function numberedEntry(entry: UpEntry, n: number): NumberedEntry<UpEntry> {
  const problem = jsonProblem(entry);
  if (problem !== null) throw new PetrelError("WIRE_PACKET", `the entry cannot be sent: ${problem}`);
  const text = JSON.stringify(entry);
  const size = Buffer.byteLength(text);
  if (size > maxEntryBytes) {
    throw new PetrelError("LINK_ENTRY_TOO_LARGE", `an entry of ${size} bytes; at most ${maxEntryBytes}`, {
      hint: "send less, or put large content into a file and name it",
    });
  }
  return { n, last: n, entry, size, text };
}
