/** The state a batch would make: uncommitted records over committed ones, changed all or none per request. */
import { PetrelError } from "../../shared/errors.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { StoreOp } from "../../shared/storage/committer-store.ts";
import type { ChainItem } from "../audit/chain.ts";
import { isFinal } from "../executions/life.ts";
import type { Written } from "./chain-items.ts";
import type { GenerationCache, Stored } from "./generation-cache.ts";
import { isReadAgain } from "./keys.ts";
import type { Change } from "./port/changes.ts";

/** What a plan sees and changes. Nothing of it is true before the batch is on disk. */
export interface Draft {
  /** The record as this batch would leave it; `null` when there is none. */
  get<T>(key: string): T | null;
  /** Makes sure that these records can be read with `get`, all fetched at once. */
  need(keys: readonly string[]): void;
  /** `text` saves writing the JSON twice when the caller has it. */
  put(key: string, value: unknown, text?: string): void;
  remove(key: string): void;
  /** Adds or removes rows of secondary indexes: keys without a value. */
  row(key: string): void;
  dropRow(key: string): void;
  change(change: Change): void;
  /** Has the audit's chain say this, beside what it says of the records that the batch writes. */
  audit(item: ChainItem): void;
  /** Runs once the batch is on disk, before anybody is told. */
  whenCommitted(apply: () => void): void;
  /** Answers `result` and forgets what this plan has written. */
  refuse<T>(result: T): T;
}

/** A plan asked for records that have not been read yet: read them, then run the plan again from the start. */
export class NotLoaded extends Error {
  readonly keys: readonly string[];

  constructor(keys: readonly string[]) {
    super(`records not loaded: ${keys.slice(0, 3).join(", ")}`);
    this.keys = keys;
  }
}

/** Of one plan. The largest batches ask some hundreds of times; who asks more often asks for other records each time. */
export const mostRounds = 2_000;

/** What a plan fails with that asked so often. */
export function restless(source: string, asked: readonly string[]): PetrelError {
  return new PetrelError(
    "INTERNAL",
    `a plan of "${source}" asked for other records ${mostRounds} times, at last for ${asked.slice(0, 3).join(", ")}; nothing of it was written`,
  );
}

/** An execution that has ended is history. */
function isOver(key: string, value: unknown): boolean {
  return key.startsWith("e/") && isFinal((value as Execution).status);
}

class Scratch {
  readonly records = new Map<string, Stored | null>();
  readonly rows = new Map<string, boolean>();
  readonly changes: Change[] = [];
  readonly items: ChainItem[] = [];
  readonly applies: (() => void)[] = [];
  refused = false;
}

/** One batch in the making. Plans run one after the other; each sees what those before it wrote. */
export class Batch {
  readonly #cache: GenerationCache;
  readonly #loaded = new Map<string, Stored | null>();
  readonly #whole = new Scratch();
  readonly #grown = new Set<string>();
  #bytes = 0;

  constructor(cache: GenerationCache) {
    this.#cache = cache;
  }

  /** Rough size of what it writes. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#whole.records.size + this.#whole.rows.size + this.#whole.items.length === 0;
  }

  get changes(): readonly Change[] {
    return this.#whole.changes;
  }

  /** What plans have the chain say. */
  get items(): readonly ChainItem[] {
    return this.#whole.items;
  }

  /** What it makes of records, as far as its plans go yet. */
  *written(): Iterable<Written> {
    for (const [key, after] of this.#whole.records) {
      yield { key, before: this.#loaded.get(key)?.value, after };
    }
  }

  /** Which of `keys` must be read from disk before a plan can see them. */
  missing(keys: Iterable<string>): string[] {
    const missing = new Set<string>();
    for (const key of keys) {
      if (this.#whole.records.has(key) || this.#loaded.has(key)) continue;
      const cached = this.#cache.get(key);
      // Held by the batch from here on: the cache may drop it before the plan runs.
      if (cached !== undefined) this.#loaded.set(key, cached);
      else missing.add(key);
    }
    return [...missing];
  }

  supply(key: string, text: string | undefined): void {
    this.#loaded.set(key, text === undefined ? null : { value: JSON.parse(text), text });
  }

  /** Runs one plan; when it throws or refuses, the batch is as it was. */
  run<T>(plan: (draft: Draft) => T): T {
    const scratch = new Scratch();
    const result = plan(this.#draft(scratch));
    if (!scratch.refused) this.#merge(scratch);
    return result;
  }

  operations(): StoreOp[] {
    const operations: StoreOp[] = [];
    for (const [key, stored] of this.#whole.records) {
      operations.push(stored === null ? { type: "del", key } : { type: "put", key, value: stored.text });
    }
    for (const [key, present] of this.#whole.rows) {
      operations.push(present ? { type: "put", key, value: "" } : { type: "del", key });
    }
    return operations;
  }

  /** The batch is on disk: makes it the committed state that later batches and readers see. */
  committed(): void {
    for (const [key, stored] of this.#loaded) {
      if (stored !== null && isReadAgain(key)) this.#cache.set(key, stored);
    }
    for (const [key, stored] of this.#whole.records) {
      if (stored === null || !isReadAgain(key) || isOver(key, stored.value)) this.#cache.delete(key);
      else this.#cache.set(key, stored);
    }
    for (const apply of this.#whole.applies) apply();
  }

  #merge(scratch: Scratch): void {
    for (const [key, stored] of scratch.records) {
      this.#whole.records.set(key, stored);
      this.#bytes += key.length + (stored?.text.length ?? 0);
    }
    for (const [key, present] of scratch.rows) {
      this.#whole.rows.set(key, present);
      this.#bytes += key.length;
    }
    for (const change of scratch.changes) {
      // That a ledger grew is worth saying once a batch.
      if (change.type === "down") {
        if (this.#grown.has(change.agent)) continue;
        this.#grown.add(change.agent);
      }
      this.#whole.changes.push(change);
    }
    this.#whole.items.push(...scratch.items);
    this.#whole.applies.push(...scratch.applies);
  }

  #draft(scratch: Scratch): Draft {
    const find = (key: string): Stored | null | undefined => {
      const own = scratch.records.get(key);
      if (own !== undefined) return own;
      const earlier = this.#whole.records.get(key);
      return earlier !== undefined ? earlier : this.#loaded.get(key);
    };
    const write = (key: string, value: unknown, text: string) => {
      scratch.records.set(key, { value, text });
    };
    return {
      get: <T>(key: string): T | null => {
        const stored = find(key);
        if (stored === undefined) throw new NotLoaded([key]);
        return stored === null ? null : (stored.value as T);
      },
      need: (wanted) => {
        const missing = wanted.filter((key) => find(key) === undefined);
        if (missing.length > 0) throw new NotLoaded(missing);
      },
      put: (key, value, text) => write(key, value, text ?? JSON.stringify(value)),
      remove: (key) => void scratch.records.set(key, null),
      row: (key) => void scratch.rows.set(key, true),
      dropRow: (key) => void scratch.rows.set(key, false),
      change: (change) => void scratch.changes.push(change),
      audit: (item) => void scratch.items.push(item),
      whenCommitted: (apply) => void scratch.applies.push(apply),
      refuse: <T>(result: T): T => {
        scratch.refused = true;
        return result;
      },
    };
  }
}
