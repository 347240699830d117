/** Tells a message that comes for the second time, whatever the order they come in (as RFC 4303 §3.4.3 does). */

/** Messages may overtake each other by so many; what is later than that is taken for a repeat. */
const span = 1_024;

export class ReplayWindow {
  /** Numbers seen, each at its place modulo `span`; those up to `#highest - span` are no longer known. */
  readonly #seen = new Uint32Array(span / 32);
  #highest = 0;

  /** Takes a number from 1 on; false when it came before, or may have. */
  take(n: number): boolean {
    if (!Number.isSafeInteger(n) || n < 1 || n <= this.#highest - span) return false;
    if (n > this.#highest) {
      if (n - this.#highest >= span) this.#seen.fill(0);
      else for (let passed = this.#highest + 1; passed < n; passed++) this.#set(passed, false);
      this.#highest = n;
      this.#set(n, true);
      return true;
    }
    if (this.#has(n)) return false;
    this.#set(n, true);
    return true;
  }

  #has(n: number): boolean {
    return (((this.#seen[(n % span) >>> 5] ?? 0) >>> (n & 31)) & 1) === 1;
  }

  #set(n: number, isSeen: boolean): void {
    const at = (n % span) >>> 5;
    const bit = 1 << (n & 31);
    const word = this.#seen[at] ?? 0;
    this.#seen[at] = isSeen ? word | bit : word & ~bit;
  }
}
