import { expect, test } from "vitest";
import { ago, duration, sinceInstant } from "../../../../hub/cli/relative-time.ts";

const now = Date.parse("2026-11-22T12:00:00.000Z");

test.each([
  ["2026-11-22T12:00:00.500Z", "now"],
  ["2026-11-22T11:59:57Z", "3s ago"],
  ["2026-11-22T11:00:00Z", "1h ago"],
  ["2026-11-20T12:00:00Z", "2d ago"],
  ["2026-11-22T12:05:00Z", "in 5m"],
  ["soon", "soon"],
  [null, "-"],
])("%j is said as %j", (instant, said) => {
  expect(ago(instant, now)).toBe(said);
});

test("a length of time is told in its largest whole unit", () => {
  expect([0, 59_400, 60_000, 3_599_000, 86_400_000].map(duration)).toEqual(["0s", "59s", "1m", "59m", "1d"]);
});

test.each([
  ["30m", "2026-11-22T11:30:00.000Z"],
  ["7d", "2026-11-15T12:00:00.000Z"],
  ["2026-11-22T14:00:00+02:00", "2026-11-22T12:00:00.000Z"],
  ["2026-11-22", "2026-11-22T00:00:00.000Z"],
  ["5", null],
  ["yesterday", null],
  ["-1h", null],
])("since %j means %j", (text, instant) => {
  expect(sinceInstant(text, now)).toBe(instant);
});
