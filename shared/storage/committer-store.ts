/** Group commit: everything written to one database goes through one queue of synced batches. */
import type { ClassicLevel } from "classic-level";
import { PetrelError } from "../errors.ts";
import { commitBounds, Histogram, type HistogramFigures } from "../metrics/histogram.ts";

export type StoreOp =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "del"; readonly key: string };

/** What is written together, all or none. */
export interface Commit {
  readonly ops: readonly StoreOp[];
  /** Bytes, near enough: bounds the batch. */
  readonly bytes: number;
  /** Commits of one source are written in their order; sources take turns. */
  readonly source: string;
  /** Whoever writes it has gathered by now what there is to write: it does not wait for others of this turn. */
  readonly isGathered?: boolean;
}

export interface CommitterFigures {
  /** Commits that wait, without those being written. */
  readonly queued: number;
  readonly batches: number;
  readonly commits: number;
  readonly lastBatchMs: number;
  /** Seconds until a batch was on disk. */
  readonly batchSeconds: HistogramFigures;
  readonly failed: boolean;
}

/** One batch at most: beyond these LevelDB gains nothing, and one batch would hold up the next for long. */
const maxItems = 500;
const maxBytes = 4 * 1024 * 1024;
/** A batch that is chained has at most this, and this for each op. */
const chainedBytes = 1024 * 1024;
const smallBytes = 4 * 1024;

/** What goes into one batch. */
interface Round {
  readonly items: Item[];
  /** Of its commits, together. */
  bytes: number;
  ops: number;
}

interface Item {
  readonly commit: Commit;
  readonly resolve: () => void;
  readonly reject: (error: PetrelError) => void;
}

/**
 * Writes what is queued in one batch with sync, tells its callers in order, and repeats: on a slow disk batches grow
 * by themselves, and an idle one is never waited for. There is no timer; measured, a linger costs more than it gains.
 *
 * After a failed batch nothing more is written: the log may end in a torn record, and what followed it could be lost
 * at the next start. `resume` opens the database again, which ends that log.
 */
export class Committer {
  readonly #db: ClassicLevel<string, string>;
  readonly #onFailure: (error: PetrelError) => void;
  /** What waits, while it is a single commit. Most batches are of one, and it need not take turns with any. */
  #lone: Item | null = null;
  /** All that waits otherwise: per source, oldest first. A source leaves the map when it has nothing queued. */
  readonly #queues = new Map<string, Item[]>();
  readonly #rereads = new Set<() => Promise<void>>();
  #queued = 0;
  #batches = 0;
  #commits = 0;
  #lastBatchMs = 0;
  readonly #batchSeconds = new Histogram(commitBounds);
  #failure: PetrelError | null = null;
  #running: Promise<void> | null = null;
  #resuming: Promise<void> | null = null;
  #closed = false;

  constructor(options: {
    readonly db: ClassicLevel<string, string>;
    /** Told once for each time the committer stops; the owner then calls `resume` when it thinks fit. */
    readonly onFailure?: (error: PetrelError) => void;
  }) {
    this.#db = options.db;
    this.#onFailure = options.onFailure ?? (() => {});
  }

  /** Why nothing is written at present; `null` when all is well. */
  get failure(): PetrelError | null {
    return this.#failure;
  }

  /** Resolves once `ops` are on disk (sync). Rejects with STORE_WRITE: then nothing of it was promised. */
  commit(commit: Commit): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#closed) return Promise.reject(new PetrelError("STORE_WRITE", "the database is closing"));
    return new Promise((resolve, reject) => {
      this.#enqueue({ commit, resolve, reject });
      this.#running ??= this.#run(commit.isGathered === true);
    });
  }

  figures(): CommitterFigures {
    return {
      queued: this.#queued,
      batches: this.#batches,
      commits: this.#commits,
      lastBatchMs: this.#lastBatchMs,
      batchSeconds: this.#batchSeconds.figures(),
      failed: this.#failure !== null,
    };
  }

  /** Registers a part that keeps figures of the disk's state in memory, to read them again before work resumes. */
  onResume(reread: () => Promise<void>): () => void {
    this.#rereads.add(reread);
    return () => this.#rereads.delete(reread);
  }

  /**
   * After a failure: opens the database again, lets every registered part read its figures, then takes commits.
   * Rejects, and stays stopped, when that cannot be done yet. Does nothing when there was no failure.
   */
  resume(): Promise<void> {
    if (this.#failure === null) return Promise.resolve();
    this.#resuming ??= this.#reopen().finally(() => {
      this.#resuming = null;
    });
    return this.#resuming;
  }

  /** Writes what is queued, then takes no more. The database itself stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#resuming?.catch(() => {
      // Whoever called resume was told.
    });
  }

  async #reopen(): Promise<void> {
    await this.#running;
    try {
      await this.#db.close();
      await this.#db.open();
      for (const reread of this.#rereads) await reread();
    } catch (cause) {
      throw new PetrelError("STORE_WRITE", "the database cannot be opened again", {
        where: this.#db.location,
        hint: "free some disk space and look at the folder's permissions",
        cause,
      });
    }
    this.#failure = null;
  }

  #enqueue(item: Item): void {
    const lone = this.#lone;
    if (this.#queued++ === 0) {
      this.#lone = item;
      return;
    }
    this.#lone = null;
    if (lone !== null) this.#queues.set(lone.commit.source, [lone]);
    const queue = this.#queues.get(item.commit.source);
    if (queue === undefined) this.#queues.set(item.commit.source, [item]);
    else queue.push(item);
  }

  async #run(isGathered: boolean): Promise<void> {
    if (!isGathered) await new Promise((resolve) => setImmediate(resolve));
    while (this.#queued > 0) {
      const round = this.#take();
      const { items } = round;
      const startedAt = performance.now();
      try {
        await this.#write(round);
      } catch (cause) {
        this.#fail(items, cause);
        break;
      }
      this.#lastBatchMs = performance.now() - startedAt;
      this.#batchSeconds.observe(this.#lastBatchMs / 1_000);
      this.#batches++;
      this.#commits += items.length;
      for (const { resolve } of items) resolve();
    }
    this.#running = null;
  }

  /**
   * Small values op by op: an array is copied, and each op of it read field by field. Large ones in an array: of a chained
   * batch LevelDB's own copy stays until V8's next collection, which knows nothing of its size. Never throws at once: `#run`
   * may have begun in the very turn in which it is noted as running.
   */
  async #write({ items, bytes, ops }: Round): Promise<void> {
    if (bytes > chainedBytes || bytes > ops * smallBytes) {
      return this.#db.batch(
        items.flatMap(({ commit }) => commit.ops),
        { sync: true },
      );
    }
    const batch = this.#db.batch();
    for (const { commit } of items) {
      for (const op of commit.ops) {
        if (op.type === "put") batch.put(op.key, op.value);
        else batch.del(op.key);
      }
    }
    return batch.write({ sync: true });
  }

  /** One commit of each source in turn until the batch is full; at least one. */
  #take(): Round {
    const lone = this.#lone;
    if (lone !== null) {
      this.#lone = null;
      this.#queued = 0;
      return { items: [lone], bytes: lone.commit.bytes, ops: lone.commit.ops.length };
    }
    const round: Round = { items: [], bytes: 0, ops: 0 };
    // Whoever has more comes again at the end of the map, so that this ends when all is taken.
    for (const [source, queue] of this.#queues) {
      const [next] = queue;
      if (next === undefined) continue;
      const { bytes, ops } = next.commit;
      const count = round.items.length;
      if (count > 0 && (count >= maxItems || round.bytes + bytes > maxBytes)) break;
      round.items.push(next);
      round.bytes += bytes;
      round.ops += ops.length;
      queue.shift();
      this.#queued--;
      // The next batch begins with whoever came least.
      this.#queues.delete(source);
      if (queue.length > 0) this.#queues.set(source, queue);
    }
    return round;
  }

  #fail(items: readonly Item[], cause: unknown): void {
    const failure = new PetrelError("STORE_WRITE", "a batch could not be written", {
      where: this.#db.location,
      hint: "free some disk space; writing is tried again",
      cause,
    });
    this.#failure = failure;
    // Behind the failed batch, in the order they would have been written: they may rest on what it held.
    const behind = this.#lone === null ? [...this.#queues.values()].flat() : [this.#lone];
    this.#lone = null;
    this.#queues.clear();
    this.#queued = 0;
    for (const { reject } of [...items, ...behind]) reject(failure);
    this.#onFailure(failure);
  }
}
