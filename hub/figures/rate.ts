/** How often something happens now: the past weighs less and less, so that nothing has to be kept or timed. */

/** Milliseconds after which an event counts a third of what it did. */
const fadesInMs = 10_000;
/** Milliseconds; a rate over no time at all would be infinite. */
const leastMs = 1_000;

export class Rate {
  #weight = 0;
  #atMs = 0;
  #sinceMs: number | null = null;

  add(nowMs: number, count = 1): void {
    this.#sinceMs ??= nowMs;
    this.#weight = this.#faded(nowMs) + count;
    this.#atMs = nowMs;
  }

  /** Per second. */
  at(nowMs: number): number {
    if (this.#sinceMs === null) return 0;
    // Of a rate that began just now there is less past than would fade.
    const spanMs = Math.max(leastMs, nowMs - this.#sinceMs);
    const wholeMs = fadesInMs * (1 - Math.exp(-spanMs / fadesInMs));
    return (this.#faded(nowMs) / wholeMs) * 1_000;
  }

  #faded(nowMs: number): number {
    return this.#weight * Math.exp(-Math.max(0, nowMs - this.#atMs) / fadesInMs);
  }
}
