/** A receiver's marks in LevelDB: how far it has come in each epoch of its peer's ledger. */
import type { ClassicLevel } from "classic-level";
import { isObject } from "../json.ts";
import type { StoreOp } from "../storage/committer-store.ts";
import { readNow } from "../storage/read-now-store.ts";

interface MarkRecord {
  readonly upTo: number;
  /** When it last moved, in ms: tells marks of epochs that the peer has forgotten. */
  readonly at: number;
}

export interface MarksStoreOptions {
  readonly db: ClassicLevel<string, string>;
  /** First part of the keys; one per ledger. */
  readonly prefix: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Holds no mark in memory: what counts is the batch that an effect and its mark share. */
export class MarksStore {
  readonly #options: MarksStoreOptions;

  constructor(options: MarksStoreOptions) {
    this.#options = options;
  }

  /** The marks on disk; 0 for an epoch never heard of. */
  async read(epochs: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const values = await readNow(
      this.#options.db,
      epochs.map((epoch) => this.#key(epoch)),
    );
    return new Map(epochs.map((epoch, i) => [epoch, parse(values[i])?.upTo ?? 0]));
  }

  /** To be written in one batch with the effect of the entries up to `upTo`. */
  put(epoch: string, upTo: number): StoreOp {
    const record: MarkRecord = { upTo, at: this.#options.now() };
    return { type: "put", key: this.#key(epoch), value: JSON.stringify(record) };
  }

  /**
   * Removes marks that have not moved for `ageMs`, except those of `listed` epochs (the peer's hello): its sender has
   * long deleted these entries. Without it each start of the peer would leave a record for ever.
   */
  async prune(listed: readonly string[], ageMs: number): Promise<readonly StoreOp[]> {
    const { db, prefix, now } = this.#options;
    const keep = new Set(listed.map((epoch) => this.#key(epoch)));
    const ops: StoreOp[] = [];
    for await (const [key, value] of db.iterator({ gt: `${prefix}!`, lt: `${prefix}"` })) {
      const at = parse(value)?.at ?? 0;
      if (!keep.has(key) && at < now() - ageMs) ops.push({ type: "del", key });
    }
    return ops;
  }

  #key(epoch: string): string {
    return `${this.#options.prefix}!${epoch}`;
  }
}

function parse(value: string | undefined): MarkRecord | null {
  if (value === undefined) return null;
  const record: unknown = JSON.parse(value);
  if (!isObject(record) || typeof record.upTo !== "number" || typeof record.at !== "number") return null;
  return { upTo: record.upTo, at: record.at };
}
