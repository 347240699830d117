/**
 * The writer of a database that several processes write: plans run with the file locked, against what is committed.
 *
 * As with the single writer many requests share one batch, each plan sees what those before it wrote, and nobody is
 * answered before the batch is on disk. Nothing is remembered from one batch to the next: another process may have
 * written in between. SQLite works on the event loop's thread, so a batch is one piece that nothing interrupts.
 */
import type { DatabaseSync } from "node:sqlite";
import { PetrelError } from "../../../shared/errors.ts";
import type { Logger } from "../../../shared/log.ts";
import type { Timers } from "../../../shared/timers.ts";
import { ChangeListeners } from "../change-listeners.ts";
import { Batch, type Draft, mostRounds, NotLoaded, restless } from "../draft.ts";
import { FairQueue } from "../fair-queue.ts";
import { GenerationCache } from "../generation-cache.ts";
import type { SubscribeChanges } from "../port/changes.ts";
import type { RecordWriter } from "../records.ts";
import type { Reads, Write } from "../writer-store.ts";
import { ChangeLog } from "./change-log-store.ts";
import { type Patience, transact, whenFree } from "./sqlite-file-store.ts";
import type { SqliteRows } from "./sqlite-rows-store.ts";

interface Waiting {
  readonly source: string;
  readonly weight: number;
  readonly reads: Reads;
  readonly attempt: (batch: Batch) => void;
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

export interface SharedWriterParts {
  readonly db: DatabaseSync;
  readonly rows: SqliteRows;
  readonly patience: Patience;
  /** For looking, now and then, at what others have written. */
  readonly timers: Timers;
  readonly logger: Logger;
  /** Reads, with the file locked, what every plan of the batch rests on. */
  readonly begin: () => void;
  /** The last plan of each batch that changes anything. */
  readonly stamp: (draft: Draft, batch: Batch) => void;
}

const maxWeight = 500;
const maxBytes = 4 * 1024 * 1024;
/** How late one process hears of what another has written. */
const followMs = 50;
/** SQLite's lock knows no queue: while others write too, each lets them in between its batches. */
const courtesyBatches = 256;
const courtesyMs = 2;

export class SharedWriter implements RecordWriter {
  readonly #parts: SharedWriterParts;
  readonly #log: ChangeLog;
  readonly #queue = new FairQueue<Waiting>();
  /** Taken from the queue for a batch that was full before their turn. */
  #carried: Waiting[] = [];
  readonly #listeners: ChangeListeners;
  #running: Promise<void> | null = null;
  #batchesAlone = courtesyBatches;
  #hasFailed = false;
  #isClosed = false;
  #stopFollowing = () => {};

  constructor(parts: SharedWriterParts) {
    this.#parts = parts;
    this.#listeners = new ChangeListeners(parts.logger);
    this.#log = new ChangeLog(parts.db);
    this.#follow();
  }

  /** Resolves with the plan's result once the batch is on disk (sync). Rejects with STORE_WRITE: nothing was promised. */
  submit<T>(write: Write<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new PetrelError("STORE_WRITE", "the store is closed"));
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

  async read<T>(key: string): Promise<T | null> {
    const [value] = await this.readMany<T>([key]);
    return value ?? null;
  }

  readMany<T>(keys: readonly string[]): Promise<(T | null)[]> {
    const { patience, rows } = this.#parts;
    return whenFree(patience, () =>
      keys.map((key) => {
        const text = rows.get(key);
        return text === undefined ? null : (JSON.parse(text) as T);
      }),
    );
  }

  /** Nothing is kept in memory. */
  peek<T>(): T | undefined {
    return undefined;
  }

  /** Called in the order of batches: with those of this process before it goes on, with those of others soon. */
  get subscribe(): SubscribeChanges {
    return this.#listeners.subscribe;
  }

  /** Finishes what was handed in, then takes no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopFollowing();
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
      await this.#letOthersIn();
    }
    this.#running = null;
  }

  /** Never rejects: each request is answered on its own. */
  async #write(turn: readonly Waiting[]): Promise<void> {
    const { db, patience } = this.#parts;
    try {
      const { batch, news, answers, carried } = await whenFree(patience, () =>
        transact(db, () => this.#plan(turn)),
      );
      this.#carried = carried;
      this.#log.heard(news);
      this.#batchesAlone = news.changes.length > 0 ? 0 : this.#batchesAlone + 1;
      batch.committed();
      // What another process wrote came first.
      this.#listeners.tell(news.changes);
      if (this.#hasFailed) this.#listeners.tell([{ type: "reopened" }]);
      this.#hasFailed = false;
      this.#listeners.tell(batch.changes);
      for (const answer of answers) answer();
    } catch (error) {
      this.#hasFailed = true;
      this.#parts.logger.error("a batch could not be written", { error });
      for (const waiting of turn) waiting.fail(storeError(error));
    }
  }

  /** One batch, with the file locked. */
  #plan(turn: readonly Waiting[]) {
    const { rows, begin, stamp } = this.#parts;
    const news = this.#log.read();
    begin();
    const failed: unknown[] = [];
    const batch = new Batch(new GenerationCache(0), (key) => {
      try {
        return rows.get(key);
      } catch (error) {
        failed.push(error);
        throw error;
      }
    });
    const answers: (() => void)[] = [];
    let carried: Waiting[] = [];
    for (const [index, waiting] of turn.entries()) {
      if (batch.bytes > maxBytes) {
        carried = turn.slice(index);
        break;
      }
      answers.push(this.#attempt(batch, waiting));
      // No plan's own mistake: SQLite may have taken the transaction back, and what is written now would stand by itself.
      if (failed.length > 0) throw failed[0];
    }
    if (batch.isEmpty) return { batch, news, answers, carried };
    batch.run((draft) => stamp(draft, batch));
    for (const operation of batch.operations()) {
      if (operation.type === "put") rows.put(operation.key, operation.value);
      else rows.remove(operation.key);
    }
    const { changes } = batch;
    return { batch, news: changes.length > 0 ? this.#log.write(news, changes) : news, answers, carried };
  }

  /** Runs one plan, fetching what it turns out to need. A plan that throws fails its own request only. */
  #attempt(batch: Batch, { source, reads, attempt, settle, fail }: Waiting): () => void {
    let wanted = typeof reads === "function" ? [] : reads;
    for (let round = 1; round <= mostRounds; round++) {
      for (const key of batch.missing(wanted)) batch.supply(key, this.#parts.rows.get(key));
      try {
        attempt(batch);
        return settle;
      } catch (error) {
        if (!(error instanceof NotLoaded)) return () => fail(error);
        wanted = error.keys;
      }
    }
    return () => fail(restless(source, wanted));
  }

  async #letOthersIn(): Promise<void> {
    const { pause, jitter } = this.#parts.patience;
    if (this.#batchesAlone >= courtesyBatches) await new Promise((resolve) => setImmediate(resolve));
    else await pause(courtesyMs * (0.5 + jitter()));
  }

  #follow(): void {
    this.#stopFollowing = this.#parts.timers.after(followMs, () => {
      try {
        if (this.#log.hasNews()) {
          const news = this.#log.read();
          this.#log.heard(news);
          this.#listeners.tell(news.changes);
        }
      } catch (error) {
        // They are still to be heard: the next look tells them.
        this.#parts.logger.warn("what others have written could not be read", { error });
      }
      if (!this.#isClosed) this.#follow();
    });
  }
}

function storeError(error: unknown): unknown {
  if (error instanceof PetrelError) return error;
  return new PetrelError("STORE_WRITE", "the batch could not be written", { cause: error });
}
