/** When a throttled rule acts at once, and when it holds back. Pure: the hub keeps windows in its store, a replay in memory. */

/** Times in milliseconds since the epoch. */
export interface Window {
  readonly since: number;
  readonly until: number;
  /** Runs that count for it. */
  readonly passed: number;
  /** Those that were held back. */
  readonly held: number;
}

export interface Pace {
  readonly everyMs: number;
  readonly max: number;
}

/**
 * The window that a trigger at `atMs` belongs to, with this trigger counted; `isNew` when it opens one. A window that has
 * held something back goes on until its digest is made: what comes late to it is told by it too.
 */
export function intoWindow(
  window: Window | null,
  atMs: number,
  { everyMs, max }: Pace,
): { readonly window: Window; readonly isNew: boolean; readonly passes: boolean } {
  const goesOn = window !== null && (atMs < window.until || window.held > 0);
  const open = goesOn ? window : { since: atMs, until: atMs + everyMs, passed: 0, held: 0 };
  const passes = open.held === 0 && open.passed < max;
  return {
    window: passes ? { ...open, passed: open.passed + 1 } : { ...open, held: open.held + 1 },
    isNew: !goesOn,
    passes,
  };
}

/** The window that follows a digest, which is its first run. */
export const afterDigest = (atMs: number, { everyMs }: Pace): Window => ({
  since: atMs,
  until: atMs + everyMs,
  passed: 1,
  held: 0,
});

/** What a rule would have run: at once, and in digests. */
export interface Paced {
  readonly at_once: number;
  readonly digests: number;
  readonly held_back: number;
}

/** Counts what would have been run, for triggers in the order of their times. */
export class PacedReplay {
  readonly #pace: Pace;
  readonly #windows = new Map<string, Window>();
  readonly #ended = { at_once: 0, digests: 0, held_back: 0 };

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  add(key: string, atMs: number): void {
    let window = this.#windows.get(key) ?? null;
    if (window !== null && window.held > 0 && atMs >= window.until) {
      this.#ended.digests++;
      window = afterDigest(window.until, this.#pace);
    }
    const next = intoWindow(window, atMs, this.#pace);
    this.#windows.set(key, next.window);
    this.#ended[next.passes ? "at_once" : "held_back"]++;
  }

  /** With the digests of windows that are still open. */
  get paced(): Paced {
    const open = [...this.#windows.values()].filter(({ held }) => held > 0).length;
    return { ...this.#ended, digests: this.#ended.digests + open };
  }
}
