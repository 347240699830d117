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
import type { BytePath } from "../../shared/watch/paths.ts";
import {
  adopted,
  allRows,
  type BaselineRow,
  bytesOf,
  greatestKey,
  metaHash,
  metaKey,
  type Rows,
  type RowsWithin,
  rowsOfBatch,
  rowsWithin,
  summaryKey,
  tallied,
  wrongMeta,
} from "./baseline-rows-store.ts";
import { baselineKey, useKey } from "./integrity/key-fs.ts";
import { NoteSeals } from "./integrity/note-seals.ts";
import { mostNamed, Overwritten } from "./integrity/overwritten.ts";
import { Seal } from "./integrity/seal.ts";
import { openRow, rowHash, sealRow } from "./integrity/sealed-row.ts";
import { type Anchor, decodeSummary, encodeSummary, noRows, type Summary } from "./integrity/summary.ts";
import { Tally } from "./integrity/tally.ts";
import { type Checked, judgeOpening, type Tampering } from "./integrity/tampering.ts";
import { rowsOf, type SealedRows } from "./reading/sealing.ts";
import {
  type BaselineChange,
  type BaselineRecord,
  decodeRecord,
  encodeRecord,
  isVoidRecord,
  voidRecord,
} from "./record.ts";
import { pathOfRow, rowKey } from "./row-key.ts";

export type { BaselineRow };

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
  readonly #overwritten = new Overwritten();
  readonly #overwrites = (path: BytePath) => this.#overwritten.add(path);
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

  /** `null` also for a record that cannot be believed, see `isVoid`. */
  get(path: BytePath): BaselineRecord | null {
    const key = rowKey(path);
    const bytes = this.#level.getSync(bytesOf(key));
    if (this.#seen.size >= mostSeen) this.#seen.clear();
    this.#seen.set(key, bytes);
    return bytes === undefined ? null : this.#believed(key, bytes);
  }

  /** The path has a record that cannot be believed: what was there is not known. */
  isVoid(path: BytePath): boolean {
    const key = rowKey(path);
    // Asked for each path of the first record.
    if (key > this.#greatest) return false;
    const bytes = this.#level.getSync(bytesOf(key));
    return bytes !== undefined && (isVoidRecord(openRow(bytes)) || rowHash(this.#seal, key, bytes) === null);
  }

  /** What a row says of its path, as `get` does. */
  recordOf({ path, sealed }: BaselineRow): BaselineRecord | null {
    return this.#believed(rowKey(path), sealed);
  }

  #believed(key: string, sealed: Buffer): BaselineRecord | null {
    return rowHash(this.#seal, key, sealed) === null ? null : decodeRecord(openRow(sealed));
  }

  /** `path` itself and everything below it, in the order of a walk, as it was at the call. */
  within(path: BytePath): RowsWithin {
    return rowsWithin(this.#level, path);
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

  /** Writes rows that were sealed elsewhere, with the key of `sealKey`. Without `sync`, as `write`. */
  take(sealed: SealedRows): Promise<void> {
    return this.#alone(async () => {
      const now = this.#summary;
      const tally = new Tally(now);
      const rows = rowsOf(sealed);
      const greatest = rows.at(-1)?.key.toString("latin1") ?? "";
      const isBehindAll = (rows[0]?.key.toString("latin1") ?? "") > this.#greatest;
      for (const row of isBehindAll ? [] : rows) {
        const key = row.key.toString("latin1");
        this.#uncount(key, this.#rowBefore(key), tally, this.#overwrites);
      }
      tally.addAll({ count: rows.length, sum: sealed.sum });
      const next = { ...now, ...tally.state(), generation: now.generation + 1 };
      await this.#level.batch([
        ...rows.map(({ key, row }) => ({ type: "put", key, value: row }) as const),
        { type: "put", key: summaryKey, value: encodeSummary(next, this.#seal) },
      ]);
      if (greatest > this.#greatest) this.#greatest = greatest;
      this.#seen.clear();
      this.#summary = next;
    });
  }

  /** For those who seal rows for `take`. */
  sealKey(): Uint8Array {
    return this.#seal.key();
  }

  /** Everything within `from` is now within `to`. */
  async move(from: BytePath, to: BytePath): Promise<void> {
    const rows = this.within(from);
    try {
      for (let batch = await rows.next(); batch.length > 0; batch = await rows.next()) {
        const puts = batch.flatMap(({ path, bytes, sealed }) => {
          // Written anew as it is, it would have a right seal.
          const isWrong = rowHash(this.#seal, rowKey(path), sealed) === null;
          return [
            { key: rowKey(path), record: null },
            { key: rowKey(to + path.slice(from.length)), record: isWrong ? voidRecord() : bytes },
          ];
        });
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

  /**
   * Looks at all rows as they are at the call, beside everything else. `turn` is waited for after each thousand. Memory
   * does not grow with what it finds. To be followed by `mend`, or by the next check.
   */
  async check(turn: () => Promise<unknown>): Promise<Checked> {
    const overwritten = this.#overwritten;
    // Of a check that was given up.
    overwritten.end(false);
    const { iterator, summary } = await this.#alone(async () => {
      overwritten.begin();
      return { iterator: allRows(this.#level), summary: this.#summary };
    });
    const { there, first, count, names } = await tallied(iterator, this.#seal, mostNamed, turn);
    return {
      wrong: [...new Set([...overwritten.names, ...names])].slice(0, mostNamed),
      wrongCount: overwritten.count + count,
      firstWrong: first,
      missing: summary.count - there.count,
      missingSum: there.lackingTo(summary.sum),
    };
  }

  /**
   * Has the summary fit what is there once the wrong rows that a check has found are void: writes since then change both
   * alike. `found` is untold from then on.
   */
  mend({ missing, missingSum }: Checked, found: readonly Tampering[]): Promise<void> {
    return this.#alone(async () => {
      const { count, sum, sweep, untold } = this.#summary;
      await this.#put([], {}, true, {
        count: count - missing,
        sum: sum - missingSum,
        sweep: sweep + 1,
        untold: [...untold, ...found],
      });
      this.#overwritten.end(true);
    });
  }

  /**
   * Puts void records in the place of wrong ones, from `firstWrong` on. `voided` is told of each thousand; `turn` as
   * for `check`. What is left when it ends early is found by the next check.
   */
  async voidWrong(
    firstWrong: string,
    turn: () => Promise<unknown>,
    voided: (paths: readonly BytePath[]) => void,
  ): Promise<void> {
    const iterator = allRows(this.#level, firstWrong);
    try {
      for (;;) {
        const entries = await iterator.nextv(rowsOfBatch);
        if (entries.length === 0) break;
        const wrong = entries
          .map(([keyBytes, bytes]) => ({ key: keyBytes.toString("latin1"), bytes }))
          .filter(({ key, bytes }) => rowHash(this.#seal, key, bytes) === null);
        if (wrong.length > 0) {
          await this.#alone(() => {
            const still = wrong.filter(({ key }) => this.#isWrong(key));
            return this.#put(
              still.map(({ key }) => ({ key, record: voidRecord() })),
              {},
              true,
              {},
              () => {},
            );
          });
          voided(wrong.map(({ key }) => pathOfRow(key)));
        }
        await turn();
      }
    } finally {
      await iterator.close();
    }
  }

  #isWrong(key: string): boolean {
    const bytes = this.#level.getSync(bytesOf(key));
    return bytes !== undefined && rowHash(this.#seal, key, bytes) === null;
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
    overwritten: (path: BytePath) => void = this.#overwrites,
  ): Promise<void> {
    const now = { ...this.#summary, ...summary };
    const tally = new Tally(now);
    const written = new Map<string, Buffer | undefined>();
    for (const { key, record } of puts) {
      this.#uncount(key, written.has(key) ? written.get(key) : this.#rowBefore(key), tally, overwritten);
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

  /** What was in the place of a row counts no more. */
  #uncount(key: string, before: Buffer | undefined, tally: Tally, overwritten: (path: BytePath) => void) {
    if (before === undefined) return;
    const hash = rowHash(this.#seal, key, before);
    if (hash === null) overwritten(pathOfRow(key));
    else tally.remove(hash);
  }

  #rowBefore(key: string): Buffer | undefined {
    if (key > this.#greatest) {
      this.#greatest = key;
      return undefined;
    }
    return this.#seen.has(key) ? this.#seen.get(key) : this.#level.getSync(bytesOf(key));
  }
}
