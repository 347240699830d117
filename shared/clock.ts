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

/** Under load the same few instants are spelt, and read, many times over. */
const mostKnown = 64;

function remembered<K, V>(known: Map<K, V>, key: K, value: V): V {
  if (known.size >= mostKnown) known.clear();
  known.set(key, value);
  return value;
}

const texts = new Map<number, string>();
const times = new Map<string, number>();

/** RFC 3339 in UTC with milliseconds, the only spelling of an instant on the wire and on disk. */
export function timestamp(ms: number): string {
  const known = texts.get(ms);
  if (known !== undefined) return known;
  return remembered(texts, ms, new Date(ms).toISOString());
}

/** Milliseconds since the epoch of an RFC 3339 text, or `null` when it is none. */
export function parseTimestamp(text: string): number | null {
  const known = times.get(text);
  if (known !== undefined) return known;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return null;
  // Longer ones are nobody's that spells them twice.
  return text.length <= 32 ? remembered(times, text, ms) : ms;
}
