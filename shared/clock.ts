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

/**
 * Under load the same few instants are spelt, and read, many times over. Each has one place by its last digits, and the
 * one that comes later takes it: what is kept never grows, and keeping it makes nothing.
 */
const places = 128;
const spelt: { readonly ms: Float64Array; readonly texts: string[] } = {
  ms: new Float64Array(places).fill(Number.NaN),
  texts: new Array<string>(places).fill(""),
};
const read: { readonly texts: string[]; readonly ms: Float64Array } = {
  texts: new Array<string>(places).fill(""),
  ms: new Float64Array(places),
};

/** RFC 3339 in UTC with milliseconds, the only spelling of an instant on the wire and on disk. */
export function timestamp(ms: number): string {
  const place = ms & (places - 1);
  if (spelt.ms[place] === ms) return spelt.texts[place] ?? "";
  const text = spell(ms);
  spelt.ms[place] = ms;
  spelt.texts[place] = text;
  return text;
}

/** Up to the second: the instants of a busy process are of few, and to spell a date takes longer than all the rest. */
const seconds = {
  at: new Float64Array(places).fill(Number.NaN),
  texts: new Array<string>(places).fill(""),
};
/** No date goes further. */
const latest = 8_640_000_000_000_000;
const fractions = Array.from({ length: 1_000 }, (_, ms) => `.${String(ms).padStart(3, "0")}Z`);

function spell(ms: number): string {
  // Before the epoch, and when it is no instant, the engine knows what to do.
  if (!(ms >= 0 && ms <= latest)) return new Date(ms).toISOString();
  const second = Math.floor(ms / 1_000);
  const place = second & (places - 1);
  if (seconds.at[place] !== second) {
    seconds.texts[place] = new Date(second * 1_000).toISOString().slice(0, -".000Z".length);
    seconds.at[place] = second;
  }
  return `${seconds.texts[place]}${fractions[Math.floor(ms) - second * 1_000]}`;
}

/** Milliseconds since the epoch of an RFC 3339 text, or `null` when it is none. */
export function parseTimestamp(text: string): number | null {
  // A record of an older version may lack what types promise.
  if (typeof text !== "string") return null;
  const { length } = text;
  // The digits before the `Z`.
  const place = (text.charCodeAt(length - 2) + 10 * text.charCodeAt(length - 3)) & (places - 1);
  if (length > 0 && read.texts[place] === text) return read.ms[place] ?? null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return null;
  // Longer ones are nobody's that spells them twice.
  if (length <= 32) {
    read.texts[place] = text;
    read.ms[place] = ms;
  }
  return ms;
}
