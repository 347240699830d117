/** How much of a sensor's output reaches the agent's log: a steady rate with a burst. Pure. */

export interface LineVerdict {
  readonly passes: boolean;
  /** Lines held back since the last one that passed. */
  readonly skipped: number;
}

/** A token bucket of lines; times in milliseconds of any steady clock. */
export class LineBudget {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number | null = null;
  #skipped = 0;

  constructor({ perSecond = 50, burst = 200 }: { perSecond?: number; burst?: number } = {}) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Judges one line at time `now`. */
  judge(now: number): LineVerdict {
    const elapsedMs = this.#at === null ? 0 : Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs / 1000) * this.#perSecond);
    if (this.#tokens < 1) {
      this.#skipped++;
      return { passes: false, skipped: this.#skipped };
    }
    this.#tokens -= 1;
    const skipped = this.#skipped;
    this.#skipped = 0;
    return { passes: true, skipped };
  }
}
