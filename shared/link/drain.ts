/** How a backlog drains: which epoch sends next, and how fast those may that are not the newest. Pure. */

export interface DrainState {
  readonly id: string;
  /** Newest epoch of the ledger: where fresh entries go. */
  readonly current: boolean;
}

/**
 * Takes turns between the oldest epoch and the current one, so that a backlog drains in order while fresh entries
 * pass it. `waiting` is oldest first.
 */
export function nextEpoch(waiting: readonly DrainState[], servedLast: string | null): string | null {
  const [oldest] = waiting;
  const newest = waiting.at(-1);
  if (oldest === undefined || newest === undefined) return null;
  return newest.current && newest.id !== servedLast ? newest.id : oldest.id;
}

export interface DrainLimits {
  /** Of all epochs but the newest, together. */
  readonly entriesPerSecond: number;
  readonly bytesPerSecond: number;
}

/**
 * A hub takes several times as much from one agent; what is left over is for the live entries of the others, however
 * long an agent was away. Both ends use it, so a hub's old requests do not flood an agent either.
 */
export const drainLimits: DrainLimits = { entriesPerSecond: 1_000, bytesPerSecond: 2 * 1024 * 1024 };

/**
 * The part of the window that old epochs may have on their way. What the peer takes at once holds up fresh entries, of
 * this and of other agents; on a machine that is slow by itself that counts for more than the rate.
 */
export const drainShare = 1 / 16;
/** Seconds' worth that may go at once, and that must have gathered before anything goes: no packet for one entry. */
const burstSeconds = 0.25;
const gatherSeconds = 0.05;

/** Meters what old epochs send. Times are those of a monotonic clock, in ms. */
export class DrainPace {
  readonly #limits: DrainLimits;
  /** Seconds' worth of entries and of bytes that may go; below zero after one entry that was larger. */
  #entries = burstSeconds;
  #bytes = burstSeconds;
  #at: number | null = null;

  constructor(limits: DrainLimits) {
    this.#limits = limits;
  }

  /** What may go now; `null` when that is too little to bother. */
  allowance(now: number): { readonly entries: number; readonly bytes: number } | null {
    this.#refill(now);
    if (this.#shortMs() > 0) return null;
    return {
      entries: Math.max(1, Math.floor(this.#entries * this.#limits.entriesPerSecond)),
      bytes: Math.max(1, Math.floor(this.#bytes * this.#limits.bytesPerSecond)),
    };
  }

  spend(entries: number, bytes: number): void {
    this.#entries -= entries / this.#limits.entriesPerSecond;
    this.#bytes -= bytes / this.#limits.bytesPerSecond;
  }

  /** When `allowance` will be something again; `now` when it is already. */
  readyAt(now: number): number {
    this.#refill(now);
    return now + this.#shortMs();
  }

  /** Rounded up: at the time it names there must be enough. */
  #shortMs(): number {
    const short = gatherSeconds - Math.min(this.#entries, this.#bytes);
    return Math.max(0, Math.ceil(short * 1_000 - 1e-6));
  }

  #refill(now: number): void {
    const seconds = Math.max(0, now - (this.#at ?? now)) / 1_000;
    this.#at = now;
    this.#entries = Math.min(burstSeconds, this.#entries + seconds);
    this.#bytes = Math.min(burstSeconds, this.#bytes + seconds);
  }
}
