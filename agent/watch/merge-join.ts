/**
 * Lays what is there beside what the baseline holds, both in the order of a walk, and hands out where they differ. The
 * one way of comparing, for the first build, for restarts, overflows, sweeps and looks at a folder. Needs memory for
 * one batch of each side, however many paths there are.
 */

/** A side of the join, in ascending order of keys, in batches; an empty batch ends it. */
export interface Batches<T> {
  next(): Promise<readonly T[]>;
}

export interface Keyed {
  readonly key: string;
}

/** One key at which the sides differ; one of them may be missing. */
export interface Unlike<L, R> {
  readonly left: L | null;
  readonly right: R | null;
}

/** Calls `unlike` with batches of differing pairs, in order, and waits for it: the walk never runs ahead of the work. */
export async function mergeJoin<L extends Keyed, R extends Keyed>(options: {
  readonly left: Batches<L>;
  readonly right: Batches<R>;
  readonly isSame: (left: L, right: R) => boolean;
  readonly unlike: (batch: readonly Unlike<L, R>[]) => Promise<void>;
  readonly batch: number;
  /** Pairs that are handed out at once when the right side has ended and none of them is of it. */
  readonly newBatch?: number;
}): Promise<void> {
  const { isSame, unlike, batch, newBatch = batch } = options;
  const left = new Cursor(options.left);
  const right = new Cursor(options.right);
  let found: Unlike<L, R>[] = [];
  /** Whether all of what was found is on the left side only. */
  let isNew = true;
  for (;;) {
    if (left.isEmpty) await left.fill();
    if (right.isEmpty) await right.fill();
    const [l, r] = [left.head, right.head];
    if (l === null && r === null) break;
    if (r === null || (l !== null && l.key < r.key)) {
      found.push({ left: l, right: null });
      left.advance();
    } else if (l === null || r.key < l.key) {
      found.push({ left: null, right: r });
      isNew = false;
      right.advance();
    } else {
      if (!isSame(l, r)) {
        found.push({ left: l, right: r });
        isNew = false;
      }
      left.advance();
      right.advance();
    }
    if (found.length >= (isNew && right.isOver ? newBatch : batch)) {
      await unlike(found);
      found = [];
      isNew = true;
    }
  }
  if (found.length > 0) await unlike(found);
}

class Cursor<T> {
  readonly #source: Batches<T>;
  #batch: readonly T[] = [];
  #at = 0;
  #isOver = false;

  /** Whether there is nothing, and will be nothing. */
  get isOver(): boolean {
    return this.#isOver;
  }

  constructor(source: Batches<T>) {
    this.#source = source;
  }

  /** Whether `fill` has to be called before `head` is known. */
  get isEmpty(): boolean {
    return !this.#isOver && this.#at >= this.#batch.length;
  }

  get head(): T | null {
    return this.#batch[this.#at] ?? null;
  }

  advance(): void {
    this.#at++;
  }

  async fill(): Promise<void> {
    this.#batch = await this.#source.next();
    this.#at = 0;
    this.#isOver = this.#batch.length === 0;
  }
}
