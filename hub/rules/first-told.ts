/**
 * When each occurrence was first told. A plan of the store is tried again until all that it reads is loaded, and tells what
 * it leads to each time: with the time of each try in their ids, it would ask for other records each time, and several
 * occurrences in one plan would keep it trying for ever.
 */
export class FirstTold {
  readonly #now: () => number;
  readonly #times = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The same for the same `key` (ms), as long as no 20,000 others came between. */
  of(key: string): number {
    const known = this.#times.get(key);
    if (known !== undefined) return known;
    const now = this.#now();
    this.#times.set(key, now);
    const [oldest] = this.#times.keys();
    if (this.#times.size > mostKept && oldest !== undefined) this.#times.delete(oldest);
    return now;
  }
}

/** More than any plan tells of. */
const mostKept = 20_000;
