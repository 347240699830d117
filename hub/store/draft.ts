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
  /** As `put`; its JSON is not made before the batch is written. For what one plan after the other writes over. */
  putLate(key: string, value: unknown): void;
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

/** What a plan, or all of its batch, fails with when a record cannot be read. `where`: its key. */
export function unreadable(cause: unknown, where?: string): PetrelError {
  const place = where === undefined ? {} : { where };
  return new PetrelError("STORE_WRITE", "the database cannot be read; nothing was written", {
    ...place,
    cause,
  });
}

/** An execution that has ended is history. */
function isOver(key: string, value: unknown): boolean {
  return key.startsWith("e/") && isFinal((value as Execution).status);
}

/** One record's text, read without leaving the calling thread; throws NotLoaded while that cannot be. */
export type ReadNow = (key: string) => string | undefined;

/** Its text is made when it is first asked for. */
class Late implements Stored {
  readonly value: unknown;
  #text: string | undefined = undefined;

  constructor(value: unknown) {
    this.value = value;
  }

  get text(): string {
    this.#text ??= JSON.stringify(this.value);
    return this.#text;
  }
}

/** To ask a late text for its length would be to make it; what is put so is small. */
const sizeOf = (after: Stored | null | undefined) =>
  !after || after instanceof Late ? 0 : after.text.length;

/** A record on its way through a batch. */
class Slot {
  readonly key: string;
  /** As committed; `null`: there is none. `undefined`: nobody has looked. */
  before: Stored | null | undefined = undefined;
  /** As the batch would leave it. `undefined`: it leaves it alone. */
  after: Stored | null | undefined = undefined;

  constructor(key: string) {
    this.key = key;
  }
}

/** How far a batch had come. */
interface Mark {
  readonly written: number;
  readonly rows: number;
  readonly changes: number;
  readonly items: number;
  readonly applies: number;
  readonly bytes: number;
}

/** Beyond this a plan has its records read for it, as `readNow` does it: in another thread. */
const mostAtOnce = 256;

/**
 * One batch in the making. Plans run one after the other; each sees what those before it wrote. They write straight into
 * the batch, which keeps what it takes to undo one that throws or refuses: nearly all go through.
 */
export class Batch {
  readonly #cache: GenerationCache;
  readonly #readNow: ReadNow | null;
  readonly #slots = new Map<string, Slot>();
  /** Those that the batch writes, each once. */
  readonly #written: Slot[] = [];
  readonly #rows: StoreOp[] = [];
  readonly #changes: Change[] = [];
  readonly #items: ChainItem[] = [];
  readonly #applies: (() => void)[] = [];
  readonly #grown = new Set<string>();
  /** Of the running plan: which records it wrote over, and what the batch had made of them before. */
  readonly #undo: { readonly slot: Slot; readonly after: Stored | null | undefined }[] = [];
  #refused = false;
  #bytes = 0;
  readonly #draft: Draft = {
    get: <T>(key: string): T | null => (this.#seen(key)?.value ?? null) as T | null,
    need: (wanted) => this.#need(wanted),
    put: (key, value, text = JSON.stringify(value)) => this.#write(key, { value, text }),
    putLate: (key, value) => this.#write(key, new Late(value)),
    remove: (key) => this.#write(key, null),
    row: (key) => this.#row({ type: "put", key, value: "" }),
    dropRow: (key) => this.#row({ type: "del", key }),
    change: (change) => void this.#changes.push(change),
    audit: (item) => void this.#items.push(item),
    whenCommitted: (apply) => void this.#applies.push(apply),
    refuse: <T>(result: T): T => {
      this.#refused = true;
      return result;
    },
  };

  /** Without `readNow` a plan sees what has been supplied, and throws NotLoaded at the rest. */
  constructor(cache: GenerationCache, readNow: ReadNow | null = null) {
    this.#cache = cache;
    this.#readNow = readNow;
  }

  /** Rough size of what it writes. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#written.length + this.#rows.length + this.#items.length === 0;
  }

  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** What plans have the chain say. */
  get items(): readonly ChainItem[] {
    return this.#items;
  }

  /** What it makes of records, as far as its plans go yet. */
  written(): Written[] {
    return this.#written.map(({ key, before, after = null }) => ({ key, before: before?.value, after }));
  }

  /** Which of `keys` must be read from disk before a plan can see them. */
  missing(keys: Iterable<string>): string[] {
    const missing = new Set<string>();
    for (const key of keys) if (this.#known(key) === undefined) missing.add(key);
    return [...missing];
  }

  supply(key: string, text: string | undefined): void {
    this.#hold(key, stored(text));
  }

  /** Runs one plan; when it throws or refuses, the batch is as it was. */
  run<T>(plan: (draft: Draft) => T): T {
    const start: Mark = {
      written: this.#written.length,
      rows: this.#rows.length,
      changes: this.#changes.length,
      items: this.#items.length,
      applies: this.#applies.length,
      bytes: this.#bytes,
    };
    this.#undo.length = 0;
    this.#refused = false;
    let result: T;
    try {
      result = plan(this.#draft);
    } catch (error) {
      this.#goBack(start);
      throw error;
    }
    if (this.#refused) this.#goBack(start);
    else this.#tellOnce(start.changes);
    return result;
  }

  #goBack(start: Mark): void {
    for (const { slot, after } of this.#undo.reverse()) slot.after = after;
    this.#written.length = start.written;
    this.#rows.length = start.rows;
    this.#changes.length = start.changes;
    this.#items.length = start.items;
    this.#applies.length = start.applies;
    this.#bytes = start.bytes;
  }

  /** In the order in which they have to be done: one row may be written and dropped again. */
  operations(): StoreOp[] {
    const operations: StoreOp[] = [];
    for (const { key, after } of this.#written) {
      operations.push(after ? { type: "put", key, value: after.text } : { type: "del", key });
    }
    for (const row of this.#rows) operations.push(row);
    return operations;
  }

  /** The batch is on disk: makes it the committed state that later batches and readers see. */
  committed(): void {
    for (const { key, before, after } of this.#slots.values()) {
      if (!isReadAgain(key)) continue;
      if (after === undefined) {
        if (before) this.#cache.set(key, before);
      } else if (after === null || isOver(key, after.value)) this.#cache.delete(key);
      else this.#cache.set(key, after);
    }
    for (const apply of this.#applies) apply();
  }

  /** That a ledger grew is worth saying once a batch. */
  #tellOnce(from: number): void {
    const changes = this.#changes;
    let kept = from;
    for (let i = from; i < changes.length; i++) {
      const change = changes[i] as Change;
      if (change.type === "down") {
        if (this.#grown.has(change.agent)) continue;
        this.#grown.add(change.agent);
      }
      changes[kept++] = change;
    }
    changes.length = kept;
  }

  /** As the batch would leave it; throws NotLoaded. */
  #seen(key: string): Stored | null {
    const slot = this.#known(key) ?? this.#fetched(key);
    if (slot === undefined) throw new NotLoaded([key]);
    return slot.after !== undefined ? slot.after : (slot.before ?? null);
  }

  /** A record that can be read without a disk. What the cache has is held from here on: it may drop it any time. */
  #known(key: string): Slot | undefined {
    const slot = this.#slots.get(key);
    if (slot !== undefined && (slot.after !== undefined || slot.before !== undefined)) return slot;
    const cached = isReadAgain(key) ? this.#cache.get(key) : undefined;
    return cached === undefined ? undefined : this.#hold(key, cached);
  }

  #fetched(key: string): Slot | undefined {
    if (this.#readNow === null) return undefined;
    const text = this.#readNow(key);
    try {
      return this.#hold(key, stored(text));
    } catch (cause) {
      throw unreadable(cause, key);
    }
  }

  #hold(key: string, before: Stored | null): Slot {
    const slot = this.#slot(key);
    slot.before = before;
    return slot;
  }

  #slot(key: string): Slot {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = new Slot(key);
      this.#slots.set(key, slot);
    }
    return slot;
  }

  #need(wanted: readonly string[]): void {
    const missing = wanted.filter((key) => this.#known(key) === undefined);
    if (missing.length === 0) return;
    if (this.#readNow === null || missing.length > mostAtOnce) throw new NotLoaded(missing);
    for (const key of missing) this.#fetched(key);
  }

  #write(key: string, after: Stored | null): void {
    const slot = this.#slot(key);
    const earlier = slot.after;
    this.#undo.push({ slot, after: earlier });
    if (earlier === undefined) {
      this.#written.push(slot);
      this.#bytes += key.length;
    }
    this.#bytes += sizeOf(after) - sizeOf(earlier);
    slot.after = after;
  }

  #row(row: StoreOp): void {
    this.#rows.push(row);
    this.#bytes += row.key.length;
  }
}

function stored(text: string | undefined): Stored | null {
  return text === undefined ? null : { value: JSON.parse(text), text };
}
