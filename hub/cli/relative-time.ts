/** Instants as people say them. */
import { spanMs } from "../../shared/time-span.ts";

const units: readonly (readonly [name: string, seconds: number])[] = [
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
];

/** A length of time in its largest whole unit: `45s`, `3m`, `2h`, `5d`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [name, size] = units.find(([, length]) => seconds >= length) ?? ["s", 1];
  return `${Math.floor(seconds / size)}${name}`;
}

/** `3m ago`, `in 2h`, `now`; `-` for nothing, the text itself when it is no instant. */
export function ago(instant: string | null | undefined, nowMs: number): string {
  if (instant === null || instant === undefined) return "-";
  const at = Date.parse(instant);
  if (Number.isNaN(at)) return instant;
  const away = nowMs - at;
  if (Math.abs(away) < 1000) return "now";
  return away > 0 ? `${duration(away)} ago` : `in ${duration(-away)}`;
}

/** `24h`, `30m`, `7d` before now, or an RFC 3339 instant, as RFC 3339 in UTC; `null` when it is neither. */
export function sinceInstant(text: string, nowMs: number): string | null {
  const span = spanMs(text);
  if (span !== null) return new Date(nowMs - span).toISOString();
  // A bare number would be read as a year.
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}
