/**
 * What was true at the last look, in a LevelDB of the sensor's own. Rows: `b` + walk key → sealed record, `m` + name →
 * JSON, `s` → what the baseline says of itself, see `integrity/`.
 *
 * Written only after the change was accepted by the agent (or, at the first build, with nothing to tell). A number of
 * notes that the agent keeps says what was accepted and is not written here yet: see `notes.ts`.
 */
import { Buffer } from "node:buffer";
import { ClassicLevel } from "classic-level";
import type { Json } from "../../shared/json.ts";
import { type BytePath, keysBelow, pathOfKey, walkKey } from "../../shared/watch/paths.ts";
import {
  adopted,
  allRows,
  bytesOf,
  greatestKey,
  metaHash,
  metaKey,
  pathOfRow,
  type Rows,
  rowKey,
  rowPrefix,
  rowsOfBatch,
  summaryKey,
  wrongMeta,
} from "./baseline-rows-store.ts";
import { baselineKey, useKey } from "./integrity/key-fs.ts";
import { NoteSeals } from "./integrity/note-seals.ts";
import { Seal } from "./integrity/seal.ts";
import { openRow, rowHash, sealRow } from "./integrity/sealed-row.ts";
import { type Anchor, decodeSummary, encodeSummary, noRows, type Summary } from "./integrity/summary.ts";
import { Tally } from "./integrity/tally.ts";
import { type Checked, judgeOpening, type Tampering } from "./integrity/tampering.ts";
import type { Batches } from "./merge-join.ts";
import {
  type BaselineChange,
  type BaselineRecord,
  decodeRecord,
  encodeRecord,
  isVoidRecord,
  voidRecord,
} from "./record.ts";

export interface BaselineRow {
  readonly key: string;
  readonly path: BytePath;
  readonly bytes: Buffer;
}

export interface BaselinePlaces {
  readonly folder: string;
  /** File of the key of the seals. */
  readonly key: string;
  /** What the hub was told last. */
  readonly anchor: Anchor | null;
}

/** A row in place of another, by its whole key; `null` removes it. */
type Put = { readonly key: string; readonly record: Buffer | null };

/** More than are looked at before they are written. */
const mostSeen = 1_024;

export class BaselineStore {
  readonly #level: Rows;
  readonly #seal: Seal;
  #summary: Summary = noRows;
  #isSuspect = false;
  #notes: NoteSeals;
  /** No row has a greater key: one that comes behind it, as each does while all is built, takes no other's place. */
  #greatest = "";
  /** As read last and not written since: what is written was mostly looked at just before. */
  readonly #seen = new Map<string, Buffer | undefined>();
  /** Wrong rows that were written over since the last check. */
  readonly #overwritten = new Set<BytePath>();
  /** Each batch builds on the summary of the one before it. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(level: Rows, seal: Seal) {
    this.#level = level;
    this.#seal = seal;
    this.#notes = new NoteSeals(seal, false);
  }

  /**
   * What looks like the work of others is in `untold`, on disk. A baseline of a version without seals gets them.
   * FOLDER_UNUSABLE for the key's folder.
   */
  static async open({ folder, key: keyPath, anchor }: BaselinePlaces): Promise<BaselineStore> {
    const level = new ClassicLevel<Buffer, Buffer>(folder, {
      keyEncoding: "buffer",
      valueEncoding: "buffer",
    });
    await level.open();
    try {
      const row = level.getSync(summaryKey);
      const key = await baselineKey(keyPath, () => row !== undefined || anchor !== null);
      const store = new BaselineStore(level, new Seal(key.key));
      const summary = decodeSummary(row, store.#seal);
      if (typeof summary === "object") store.#summary = summary;
      store.#greatest = await greatestKey(level);
      const wrong = typeof summary === "object" ? await wrongMeta(level, store.#seal, summary) : [];
      const { lost, state } = key;
      const { adopt, found } = judgeOpening({ key: state, lost, summary, anchor, wrongMeta: wrong });
      if (adopt !== null) store.#summary = await adopted(level, store.#seal, adopt);
      store.#notes = new NoteSeals(store.#seal, adopt === "all" && found.length === 0);
      store.#isSuspect = found.length > 0 && store.#summary.count > 0;
      if (adopt !== null || found.length > 0) {
        const { generation, untold } = store.#summary;
        store.#summary = {
          ...store.#summary,
          generation: Math.max(generation, anchor?.generation ?? 0),
          untold: [...untold, ...found],
        };
        await store.#put([], Object.fromEntries(wrong.map((name) => [name, null])), true);
      }
      if (key.state !== "in-use") await useKey(keyPath, key);
      return store;
    } catch (error) {
      await level.close();
      throw error;
    }
  }

  get(path: BytePath): BaselineRecord | null {
    const key = rowKey(path);
    const bytes = this.#level.getSync(bytesOf(key));
    if (this.#seen.size >= mostSeen) this.#seen.clear();
    this.#seen.set(key, bytes);
    return bytes === undefined ? null : decodeRecord(openRow(bytes));
  }

  /** The path had a record that could not be believed: what is there is taken as it is. */
  isVoid(path: BytePath): boolean {
    const bytes = this.#level.getSync(bytesOf(rowKey(path)));
    return bytes !== undefined && isVoidRecord(openRow(bytes));
  }

  /** `path` itself and everything below it, in the order of a walk, as it was at the call. */
  within(path: BytePath): Batches<BaselineRow> & { close(): Promise<void> } {
    const own = this.#level.getSync(bytesOf(rowKey(path)));
    const { gt, lt } = keysBelow(path);
    const iterator = this.#level.iterator({ gt: bytesOf(rowPrefix + gt), lt: bytesOf(rowPrefix + lt) });
    let first: readonly BaselineRow[] | null =
      own === undefined ? null : [{ key: walkKey(path), path, bytes: openRow(own) }];
    return {
      next: async () => {
        if (first !== null) {
          const rows = first;
          first = null;
          return rows;
        }
        const entries = await iterator.nextv(rowsOfBatch);
        return entries.map(([keyBytes, bytes]) => {
          const key = keyBytes.toString("latin1", rowPrefix.length);
          return { key, path: pathOfKey(key), bytes: openRow(bytes) };
        });
      },
      close: () => iterator.close(),
    };
  }

  /** Writes what was accepted. What a power cut takes of writes without `sync` is in the agent's notes. */
  write(
    changes: readonly BaselineChange[],
    { meta = {}, sync }: { readonly meta?: Readonly<Record<string, Json>>; readonly sync: boolean },
  ): Promise<void> {
    return this.#alone(() => {
      const puts = changes.map(({ path, record }) => ({
        key: rowKey(path),
        record: record === null ? null : encodeRecord(record),
      }));
      return this.#put(puts, meta, sync);
    });
  }

  /** Everything within `from` is now within `to`. */
  async move(from: BytePath, to: BytePath): Promise<void> {
    const rows = this.within(from);
    try {
      for (let batch = await rows.next(); batch.length > 0; batch = await rows.next()) {
        const puts = batch.flatMap(({ path, bytes }) => [
          { key: rowKey(path), record: null },
          { key: rowKey(to + path.slice(from.length)), record: bytes },
        ]);
        await this.#alone(() => this.#put(puts, {}, false));
      }
    } finally {
      await rows.close();
    }
  }

  meta(name: string): Json {
    const bytes = this.#level.getSync(metaKey(name));
    return bytes === undefined ? null : (JSON.parse(bytes.toString()) as Json);
  }

  // --- what others may have done to it ----------------------------------------------------------------------

  get notes(): NoteSeals {
    return this.#notes;
  }

  get summary(): Summary {
    return this.#summary;
  }

  /** Something was found at the opening, and there are rows: what has none may have had one. */
  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  /** All of it is on disk when it resolves, and stays so: what it says may be promised to others. */
  async anchor(): Promise<Summary> {
    return this.#alone(async () => {
      await this.#put([], {}, true);
      return this.#summary;
    });
  }

  /** Looks at all rows as they are at the call, beside everything else. `turn` is waited for after each thousand. */
  async check(turn: () => Promise<unknown>): Promise<Checked> {
    const { iterator, summary, overwritten } = await this.#alone(async () => ({
      iterator: allRows(this.#level),
      summary: this.#summary,
      overwritten: [...this.#overwritten],
    }));
    const there = new Tally();
    const wrong = new Set(overwritten);
    try {
      for (;;) {
        const entries = await iterator.nextv(rowsOfBatch);
        if (entries.length === 0) break;
        for (const [keyBytes, bytes] of entries) {
          const key = keyBytes.toString("latin1");
          const hash = rowHash(this.#seal, key, bytes);
          if (hash === null) wrong.add(pathOfRow(key));
          else there.add(hash);
        }
        await turn();
      }
    } finally {
      await iterator.close();
    }
    const missing = summary.count - there.count;
    return { wrong: [...wrong], missing, missingSum: there.lackingTo(summary.sum) };
  }

  /**
   * Puts void records in the place of the wrong ones that a check has found, or removes them where nothing is, and has
   * the summary fit what is there: writes since then change both alike. `found` is untold from then on.
   */
  mend(
    { wrong, missing, missingSum }: Checked,
    found: readonly Tampering[],
    isThere: (path: BytePath) => boolean,
  ): Promise<void> {
    return this.#alone(async () => {
      const puts: Put[] = [];
      for (const path of wrong) {
        const key = rowKey(path);
        const bytes = this.#level.getSync(bytesOf(key));
        if (bytes === undefined || rowHash(this.#seal, key, bytes) !== null) continue;
        puts.push({ key, record: isThere(path) ? voidRecord() : null });
      }
      const { count, sum, sweep, untold } = this.#summary;
      await this.#put(puts, {}, true, {
        count: count - missing,
        sum: sum - missingSum,
        sweep: sweep + 1,
        untold: [...untold, ...found],
      });
      for (const path of wrong) this.#overwritten.delete(path);
    });
  }

  /** What was found has been told. */
  told(): Promise<void> {
    return this.#alone(() => this.#put([], {}, true, { untold: [] }));
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#level.close();
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => {});
    return turn;
  }

  async #put(
    puts: readonly Put[],
    meta: Readonly<Record<string, Json>>,
    sync: boolean,
    summary: Partial<Summary> = {},
  ): Promise<void> {
    const now = { ...this.#summary, ...summary };
    const tally = new Tally(now);
    const written = new Map<string, Buffer | undefined>();
    for (const { key, record } of puts) {
      const before = written.has(key) ? written.get(key) : this.#rowBefore(key);
      if (before !== undefined) {
        const hash = rowHash(this.#seal, key, before);
        if (hash === null) this.#overwritten.add(pathOfRow(key));
        else tally.remove(hash);
      }
      const sealed = record === null ? null : sealRow(this.#seal, key, record);
      if (sealed !== null) tally.add(sealed.hash);
      written.set(key, sealed?.row);
    }
    const hashes = { ...now.meta };
    const ops = [...written].map(([key, value]) =>
      value === undefined
        ? ({ type: "del", key: bytesOf(key) } as const)
        : ({ type: "put", key: bytesOf(key), value } as const),
    );
    for (const [name, value] of Object.entries(meta)) {
      const bytes = Buffer.from(JSON.stringify(value));
      hashes[name] = metaHash(this.#seal, name, bytes);
      ops.push({ type: "put", key: metaKey(name), value: bytes });
    }
    const next = { ...now, ...tally.state(), meta: hashes, generation: now.generation + 1 };
    ops.push({ type: "put", key: summaryKey, value: encodeSummary(next, this.#seal) });
    await this.#level.batch(ops, { sync });
    // Not before: what was read while it was written may be what was there before.
    for (const key of written.keys()) this.#seen.delete(key);
    this.#summary = next;
  }

  #rowBefore(key: string): Buffer | undefined {
    if (key > this.#greatest) {
      this.#greatest = key;
      return undefined;
    }
    return this.#seen.has(key) ? this.#seen.get(key) : this.#level.getSync(bytesOf(key));
  }
}
