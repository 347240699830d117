/** Injected time and randomness, so that decisions can be tested with a table. */

/** Wall clock for records, monotonic clock for durations; both in milliseconds. */
export interface Clock {
  /** Milliseconds since the epoch; may jump when the host's clock is set. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number;
}

/** A source of random bytes; production passes `node:crypto`'s. */
export type RandomBytes = (length: number) => Uint8Array;

/** Under load the same instant is spelt many times over. */
let latest = { ms: Number.NaN, text: "" };

/** RFC 3339 in UTC with milliseconds, the only spelling of an instant on the wire and on disk. */
export function timestamp(ms: number): string {
  if (ms !== latest.ms) latest = { ms, text: new Date(ms).toISOString() };
  return latest.text;
}

/** Milliseconds since the epoch of an RFC 3339 text, or `null` when it is none. */
export function parseTimestamp(text: string): number | null {
  if (text === latest.text) return latest.ms;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}
