/** `to_human_time_from_seconds`: `3h25m45s`, months left out as StackStorm leaves them out. */
import { floatOf } from "../python/numbers.ts";
import { roundToInt } from "../python/round.ts";
import { str } from "../python/text.ts";
import { fail, isFloat, isInt, typeName } from "../python/values.ts";

/** Seconds from year 1 to the end of year 9999. */
const MAX_SECONDS = 315_537_897_599;

export function humanTime(value: unknown): string {
  if (!isInt(value) && !isFloat(value) && typeof value !== "boolean") {
    return fail(`seconds must be a number, not ${typeName(value)}`);
  }
  const given = floatOf(value);
  if (given === 0) return "0s";
  if (given < 1) return `${str(value)}μs`;
  if (!Number.isFinite(given)) return fail("cannot convert float infinity to integer");
  const seconds = Number(roundToInt(given));
  if (seconds > MAX_SECONDS) return fail("date value out of range");
  const date = new Date(0);
  date.setUTCFullYear(1, 0, 1);
  date.setTime(date.getTime() + seconds * 1000);
  const parts: [number, string][] = [
    [date.getUTCFullYear() - 1, "y"],
    [date.getUTCDate() - 1, "d"],
    [date.getUTCHours(), "h"],
    [date.getUTCMinutes(), "m"],
    [date.getUTCSeconds(), "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0s";
  return parts
    .slice(first)
    .map(([count, unit]) => `${count}${unit}`)
    .join("");
}
