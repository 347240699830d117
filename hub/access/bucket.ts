/** How much may come at once, and how much after that. Bounded, pure. */

export interface BucketLimits {
  /** What may come at once. */
  readonly burst: number;
  /** Milliseconds after which one more may. */
  readonly everyMs: number;
}

/** What fractions that were taken off one by one may be wrong by: who came when told to is not turned away. */
const rounding = 1e-9;

/** Fills by one each time and leaks steadily. Times are monotonic, in ms. */
export class Bucket {
  readonly #limits: BucketLimits;
  #level = 0;
  #at: number;

  constructor(limits: BucketLimits, nowMs: number) {
    this.#limits = limits;
    this.#at = nowMs;
  }

  /** From 0 to `burst`. */
  level(nowMs: number): number {
    this.#level = Math.max(0, this.#level - (nowMs - this.#at) / this.#limits.everyMs);
    this.#at = nowMs;
    return this.#level;
  }

  /** As long as a whole one has not leaked out, one more would be one too many. */
  hasRoom(nowMs: number): boolean {
    return this.level(nowMs) <= this.#limits.burst - 1 + rounding;
  }

  /** Also where there is no room; it is never more than full. */
  fill(nowMs: number): void {
    this.#level = Math.min(this.level(nowMs) + 1, this.#limits.burst);
  }

  /** Takes one more if there is room; false if there is none. */
  take(nowMs: number): boolean {
    if (!this.hasRoom(nowMs)) return false;
    this.fill(nowMs);
    return true;
  }

  /** Milliseconds until there is room; 0 if there is. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.level(nowMs) - this.#limits.burst + 1) * this.#limits.everyMs;
  }
}
