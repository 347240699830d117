/** Intervals and dates, and what of a schedule is made up for after a time in which nothing could fire. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/json.ts";
import { type CatchUp, dueNow, mostLate, onTimeMs } from "../../../../shared/schedules/missed.ts";
import { readSchedule, type TimerType, timerTypes } from "../../../../shared/schedules/schedule.ts";

const anchor = Date.parse("2026-01-01T00:00:00.500Z");
const read = (type: TimerType, parameters: JsonObject) => readSchedule(type, parameters, anchor);

function scheduleOf(type: TimerType, parameters: JsonObject) {
  const { schedule, problems } = read(type, parameters);
  if (schedule === null) throw new Error(JSON.stringify(problems));
  return schedule;
}

const firsts: readonly (readonly [TimerType, JsonObject, string | null])[] = [
  [timerTypes.interval, { unit: "seconds", delta: 5 }, "2026-01-01T00:00:05.500Z"],
  [timerTypes.interval, { unit: "weeks", delta: 2, timezone: "Europe/Berlin" }, "2026-01-15T00:00:00.500Z"],
  [timerTypes.date, { date: "2026-12-24 18:00:00" }, "2026-12-24T18:00:00.000Z"],
  [timerTypes.date, { date: "2026-12-24 18:00", timezone: "Europe/Berlin" }, "2026-12-24T17:00:00.000Z"],
  [
    timerTypes.date,
    { date: "2026-12-24T18:00:00+05:30", timezone: "Europe/Berlin" },
    "2026-12-24T12:30:00.000Z",
  ],
  [timerTypes.date, { date: "Dec 24, 2026 6pm UTC" }, "2026-12-24T18:00:00.000Z"],
  [timerTypes.date, { date: "2025-12-24", timezone: null }, null],
];

test.each(firsts)("%s %j comes first at %s", (type, parameters, expected) => {
  const next = scheduleOf(type, parameters).next(anchor);
  expect(next === null ? null : new Date(next).toISOString()).toBe(expected);
});

const wrong: readonly (readonly [TimerType, JsonObject, readonly (string | null)[]])[] = [
  [timerTypes.interval, {}, ["unit", "delta"]],
  [timerTypes.interval, { unit: "fortnights", delta: 1 }, ["unit"]],
  [timerTypes.interval, { unit: "hours", delta: 0 }, ["delta"]],
  [timerTypes.interval, { unit: "hours", delta: "5" }, ["delta"]],
  [timerTypes.interval, { unit: "weeks", delta: 1e9 }, ["delta"]],
  [timerTypes.interval, { unit: "hours", delta: 1, at: 5 }, ["at"]],
  [timerTypes.date, {}, ["date"]],
  [timerTypes.date, { date: "tomorrow-ish", timezone: "Mars" }, ["timezone", "date"]],
];

test.each(wrong)("%s %j is refused at %j", (type, parameters, where) => {
  const { schedule, problems } = read(type, parameters);
  expect(schedule).toBeNull();
  expect(problems.map(({ parameter }) => parameter)).toEqual(where);
});

test("an interval keeps to its grid wherever it is asked", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: -1e9, max: 1e12 }), (delta, after) => {
      const next = scheduleOf(timerTypes.interval, { unit: "seconds", delta }).next(anchor + after) ?? 0;
      expect(next).toBeGreaterThan(anchor + after);
      expect((next - anchor) % (delta * 1000)).toBe(0);
      expect(next - anchor).toBeGreaterThan(0);
      expect(next - Math.max(anchor, anchor + after)).toBeLessThanOrEqual(delta * 1000);
    }),
  );
});

describe("what was due", () => {
  const minutes = scheduleOf(timerTypes.interval, { unit: "minutes", delta: 1 });
  const first = anchor + 60_000;
  const at = (n: number, late: boolean) => ({ at: anchor + n * 60_000, late });
  const table: readonly (readonly [string, CatchUp, number, ReturnType<typeof at>[], boolean])[] = [
    ["nothing yet", "last", first - 1, [], false],
    ["at its very time", "none", first, [at(1, false)], false],
    ["a busy moment later", "none", first + onTimeMs, [at(1, false)], false],
    ["missed, and not wanted", "none", first + onTimeMs + 1, [], true],
    ["missed, and made up for", "last", first + onTimeMs + 1, [at(1, true)], false],
    ["many missed: the last", "last", first + 5 * 60_000 - 1, [at(5, true)], true],
    ["many missed, one on time: that one", "last", first + 5 * 60_000, [at(6, false)], true],
    ["many missed: none but what is on time", "none", first + 5 * 60_000, [at(6, false)], true],
    ["many missed: all", "all", first + 2 * 60_000, [at(1, true), at(2, true), at(3, false)], false],
  ];
  test.each(table)("%s (%s)", (_what, catchUp, now, fire, skipped) => {
    expect(dueNow(minutes, first, now, catchUp)).toEqual({ fire, skipped, next: minutes.next(now) });
  });

  test("a year of seconds is no work, and no more than so many are fired", () => {
    const seconds = scheduleOf(timerTypes.cron, { second: "*" });
    const now = first + 365 * 86_400_000;
    for (const catchUp of ["none", "last", "all"] as const) {
      const { fire, skipped } = dueNow(seconds, first, now, catchUp);
      expect(skipped).toBe(true);
      expect(fire).toHaveLength({ none: 10, last: 1, all: mostLate }[catchUp]);
      expect(now - (fire.at(-1)?.at ?? 0)).toBeLessThan(1000);
    }
  });

  test("all that fits is fired, in order, and what comes next lies behind it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 0, max: 5_000_000 }),
        fc.constantFrom<CatchUp>("none", "last", "all"),
        (delta, later, catchUp) => {
          const schedule = scheduleOf(timerTypes.interval, { unit: "seconds", delta });
          const from = schedule.next(anchor) ?? 0;
          const now = from + later;
          const all: number[] = [];
          for (let next = from; next <= now; next = schedule.next(next) ?? Number.POSITIVE_INFINITY)
            all.push(next);
          const due = dueNow(schedule, from, now, catchUp);
          const fired = due.fire.map((each) => each.at);
          const wanted = catchUp === "none" ? all.filter((each) => each >= now - onTimeMs) : all;
          const isLate = all.some((each) => each < now - onTimeMs);
          const most = catchUp === "last" && isLate ? 1 : mostLate;
          expect(fired).toEqual(wanted.slice(-most));
          expect(due.skipped).toBe(fired.length < all.length);
          expect(due.next).toBeGreaterThan(now);
        },
      ),
    );
  });
});
