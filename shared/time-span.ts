/** Lengths of time as people write them. */

const lengths: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `45s`, `30m`, `24h`, `7d`, `2w` in milliseconds; `null` when it is no such text. */
export function spanMs(text: string): number | null {
  const span = /^(\d{1,6})([smhdw])$/.exec(text);
  const length = lengths[span?.[2] ?? ""];
  return span === null || length === undefined ? null : Number(span[1]) * length;
}
