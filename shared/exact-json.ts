/** JSON that others wrote, read so that no number silently becomes another one. */

/** Sixteen digits in a row, or a large exponent: only such a text can hold a number that JavaScript cannot. */
const SUSPECT = /\d{16}|[eE]\+?\d{3}/;
const WHOLE = /^-?\d+$/;

/** `JSON.parse` of ES2026, which TypeScript's library does not describe yet. */
type ParseWithSource = (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;
const parseWithSource = JSON.parse as unknown as ParseWithSource;

/**
 * As `JSON.parse`, but an integer beyond 2^53 (a time in nanoseconds, say) and a number beyond the range of doubles
 * become texts of the digits as they were written: other software reads and prints them exactly. Throws SyntaxError.
 */
export function parseExact(text: string): unknown {
  if (!SUSPECT.test(text)) return JSON.parse(text);
  return parseWithSource(text, (_key, value, { source }) => {
    return typeof value === "number" && source !== undefined && isInexact(value, source) ? source : value;
  });
}

function isInexact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return true;
  return Number.isInteger(value) && !Number.isSafeInteger(value) && WHOLE.test(source);
}
