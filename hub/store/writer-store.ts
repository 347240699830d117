/**
 * The single-writer section of the hub's database: whoever wants to change something hands in a plan.
 *
 * Plans of many requests are run one after the other against the same draft, each seeing what those before it wrote,
 * and the draft becomes one synced batch. So a check and its write cannot be torn apart, and yet requests of a
 * thousand agents share one fsync. Nobody is answered, not even with a refusal, before that batch is on disk:
 * a refusal may rest on what another request of the same batch has written.
 */
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Database } from "../../shared/storage/database-store.ts";
import { readNow } from "../../shared/storage/read-now-store.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { Batch, type Draft, mostRounds, NotLoaded, restless, unreadable } from "./draft.ts";
import { FairQueue } from "./fair-queue.ts";
import { GenerationCache } from "./generation-cache.ts";
import type { Change, SubscribeChanges } from "./port/changes.ts";

/** A list is read before the plan runs. A function is asked in a turn of many: few records are read on the way. */
export type Reads = readonly string[] | (() => readonly string[]);

/** A request to change records. */
export interface Write<T> {
  /** Requests of one source keep their order; sources take turns. */
  readonly source: string;
  /** Entries it counts for in the batch's limit of 500. */
  readonly weight?: number;
  /** Keys the plan will surely ask for; it may ask for others. */
  readonly reads?: Reads;
  /** Runs without waiting for anything, and again from the start when a record had to be fetched. */
  readonly plan: (draft: Draft) => T;
}

interface Waiting {
  readonly source: string;
  readonly weight: number;
  readonly reads: Reads;
  /** Runs the plan and keeps its result for `settle`. */
  readonly attempt: (batch: Batch) => void;
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

export interface WriterParts {
  readonly database: Pick<Database, "level" | "committer">;
  readonly logger: Logger;
  /** The last plan of each batch that changes anything. No record is fetched for it: it sees what can be read at once. */
  readonly stamp?: (draft: Draft, batch: Batch) => void;
}

/** One batch at most (see `Committer`): more would hold up the next for long. */
const maxWeight = 500;
const maxBytes = 4 * 1024 * 1024;
/** A turn of more may have more to read than should be waited for in the thread that everything else needs. */
const manyWeight = 64;
/** Rounds between two turns of the event loop: nothing else would run while a plan asks on and on. */
const roundsPerTurn = 16;
/** Text of records kept for reading again; twice this at most. */
const cacheBytes = 6 * 1024 * 1024;

export class Writer {
  readonly #database: WriterParts["database"];
  readonly #stamp: (draft: Draft, batch: Batch) => void;
  readonly #cache = new GenerationCache(cacheBytes);
  readonly #queue = new FairQueue<Waiting>();
  /** Taken from the queue for a batch that was full before their turn. */
  #carried: Waiting[] = [];
  readonly #listeners: ChangeListeners;
  #running: Promise<void> | null = null;
  /** How often everything in memory was forgotten. */
  #forgotten = 0;
  #closed = false;

  constructor(parts: WriterParts) {
    this.#database = parts.database;
    this.#listeners = new ChangeListeners(parts.logger);
    this.#stamp = parts.stamp ?? (() => {});
  }

  /** Resolves with the plan's result once the batch is on disk (sync). Rejects with STORE_WRITE: nothing was promised. */
  submit<T>(write: Write<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new PetrelError("STORE_WRITE", "the store is closed"));
    return new Promise<T>((resolve, reject) => {
      let result: { readonly value: T } | undefined;
      this.#queue.push({
        source: write.source,
        weight: write.weight ?? 1,
        reads: write.reads ?? [],
        attempt: (batch) => {
          result = { value: batch.run(write.plan) };
        },
        settle: () => {
          if (result !== undefined) resolve(result.value);
        },
        fail: reject,
      });
      this.#running ??= this.#run();
    });
  }

  /** A committed record; `null` when there is none. */
  async read<T>(key: string): Promise<T | null> {
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached.value as T;
    // Never put into the cache: a batch may have replaced the record while this was being read.
    const [text] = await readNow(this.#database.level, [key]);
    return text === undefined ? null : (JSON.parse(text) as T);
  }

  /** Committed records in the order of `keys`. */
  async readMany<T>(keys: readonly string[]): Promise<(T | null)[]> {
    const found = keys.map((key) => this.#cache.get(key)?.value as T | undefined);
    const absent = keys.filter((_, index) => found[index] === undefined);
    if (absent.length === 0) return found.map((value) => value ?? null);
    const texts = await readNow(this.#database.level, absent);
    let next = 0;
    return found.map((value) => {
      if (value !== undefined) return value;
      const text = texts[next++];
      return text === undefined ? null : (JSON.parse(text) as T);
    });
  }

  /** A committed record that happens to be in memory. */
  peek<T>(key: string): T | undefined {
    return this.#cache.get(key)?.value as T | undefined;
  }

  /** Called in order, with what each batch changed, before those who asked for it are answered. */
  get subscribe(): SubscribeChanges {
    return this.#listeners.subscribe;
  }

  /** Requests that wait for a later batch. */
  get queued(): number {
    return this.#queue.size + this.#carried.length;
  }

  /** What is in memory may differ from the disk (a failed batch may be there after all): read everything again. */
  forget(): void {
    this.#forgotten++;
    this.#cache.clear();
  }

  /** Finishes what was handed in, then takes no more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn of the event loop shares the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.size + this.#carried.length > 0) {
      const turn = [...this.#carried];
      const carriedWeight = turn.reduce((sum, { weight }) => sum + weight, 0);
      if (carriedWeight < maxWeight) turn.push(...this.#queue.take(maxWeight - carriedWeight));
      this.#carried = [];
      await this.#write(turn);
    }
    this.#running = null;
  }

  /** While the database is opened again, the other way waits or says why not. */
  readonly #readNow = (key: string): string | undefined => {
    const { level } = this.#database;
    if (level.status !== "open") throw new NotLoaded([key]);
    try {
      return level.getSync(key);
    } catch (error) {
      throw storeError(error);
    }
  };

  /** Never rejects: each request is answered on its own. */
  async #write(turn: readonly Waiting[]): Promise<void> {
    const batch = new Batch(this.#cache, this.#readNow);
    const since = this.#forgotten;
    const planned: Waiting[] = [];
    try {
      await this.#load(batch, readsOf(turn));
      for (const [index, waiting] of turn.entries()) {
        if (batch.bytes > maxBytes) {
          this.#carried = turn.slice(index);
          break;
        }
        if (await this.#attempt(batch, waiting)) planned.push(waiting);
      }
      if (this.#forgotten !== since) throw reopened();
      await this.#commit(batch);
    } catch (error) {
      const carried = new Set(this.#carried);
      for (const waiting of turn) if (!carried.has(waiting)) waiting.fail(storeError(error));
      return;
    }
    this.announce(batch.changes);
    for (const waiting of planned) waiting.settle();
  }

  /** Runs one plan, fetching what it turns out to need. A plan that throws fails its own request only. */
  async #attempt(batch: Batch, waiting: Waiting): Promise<boolean> {
    let asked: readonly string[] = [];
    for (let round = 1; round <= mostRounds; round++) {
      try {
        waiting.attempt(batch);
        return true;
      } catch (error) {
        if (!(error instanceof NotLoaded)) {
          waiting.fail(error);
          return false;
        }
        asked = error.keys;
        await this.#load(batch, asked);
        if (round % roundsPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    waiting.fail(restless(waiting.source, asked));
    return false;
  }

  async #load(batch: Batch, keys: Iterable<string>): Promise<void> {
    const missing = batch.missing(keys);
    if (missing.length === 0) return;
    const texts = await readNow(this.#database.level, missing);
    for (const [index, key] of missing.entries()) batch.supply(key, texts[index]);
  }

  async #commit(batch: Batch): Promise<void> {
    if (!batch.isEmpty) {
      batch.run((draft) => this.#stamp(draft, batch));
      await this.#database.committer.commit({
        ops: batch.operations(),
        bytes: batch.bytes,
        source: "store",
        isGathered: true,
      });
    }
    batch.committed();
  }

  /** Tells those who subscribed. */
  announce(changes: readonly Change[]): void {
    this.#listeners.tell(changes);
  }
}

/** What is to be read before the plans of a turn run. */
function readsOf(turn: readonly Waiting[]): readonly string[] {
  const isOfMany = turn.reduce((sum, { weight }) => sum + weight, 0) > manyWeight;
  return turn.flatMap(({ reads }) => {
    if (typeof reads !== "function") return reads;
    try {
      return isOfMany ? reads() : [];
    } catch {
      // Its plan will meet the same, and fail by itself.
      return [];
    }
  });
}

/** Its plans may have seen what was in memory before, and nothing of that may be written, or kept. */
function reopened(): PetrelError {
  const message = "the database was opened again while a batch was made; nothing of it was written";
  return new PetrelError("STORE_WRITE", message, { hint: "try it again" });
}

function storeError(error: unknown): unknown {
  if (error instanceof PetrelError) return error;
  return unreadable(error);
}
