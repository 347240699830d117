import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultSchedule, type Ending, nextStart, reportDelay } from "../../../../agent/sensors/schedule.ts";

const exited = (livedMs: number): Ending => ({ kind: "exited", livedMs });

describe("the next start", () => {
  test.each<[name: string, before: number, ending: Ending, random: number, crashes: number, delayMs: number]>(
    [
      ["the first crash", 0, exited(0), 0, 1, 1_000],
      ["the second in a row", 1, exited(100), 0, 2, 2_000],
      ["the fifth in a row", 4, exited(100), 0, 5, 16_000],
      ["the seventh reaches the longest wait", 6, exited(100), 0, 7, 60_000],
      ["the thousandth stays there", 999, exited(100), 0, 1_000, 60_000],
      ["a crash just before it counts as healthy", 6, exited(59_999), 0, 7, 60_000],
      ["a crash after a healthy life is a first one", 6, exited(60_000), 0, 1, 1_000],
      ["chance takes off up to a half", 4, exited(0), 0.999999, 5, 8_000],
      ["chance in the middle", 0, exited(0), 0.5, 1, 750],
    ],
  )("%s", (_, before, ending, random, crashes, delayMs) => {
    expect(nextStart(defaultSchedule, before, ending, random)).toEqual({
      crashes,
      state: "backing-off",
      delayMs,
    });
  });

  test("what cannot be started is failed, and looked at again at the same pace", () => {
    expect(nextStart(defaultSchedule, 0, { kind: "unstartable" }, 0)).toMatchObject({
      state: "failed",
      delayMs: 60_000,
    });
    expect(nextStart(defaultSchedule, 50, { kind: "unstartable" }, 0)).toMatchObject({ delayMs: 60_000 });
  });

  test("there always is one, within the longest wait", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.double({ min: 0, max: 0.9999, noNaN: true }),
        (crashes, lived, random) => {
          const { delayMs } = nextStart(defaultSchedule, crashes, exited(lived), random);
          expect(delayMs).toBeGreaterThan(0);
          expect(delayMs).toBeLessThanOrEqual(defaultSchedule.maxDelayMs);
        },
      ),
    );
  });
});

test.each<[name: string, crashes: number, lastAt: number | null, now: number, delayMs: number]>([
  ["the first change is told at once", 0, null, 1_000, 0],
  ["so are those of the first crashes", 2, 1_000, 1_001, 0],
  ["a loop is told at the pace of its restarts", 3, 1_000, 1_500, 3_500],
  ["a long loop once a minute", 50, 1_000, 2_000, 59_000],
  ["what waited long enough goes at once", 50, 1_000, 90_000, 0],
])("%s", (_, crashes, lastAt, now, delayMs) => {
  expect(reportDelay(defaultSchedule, crashes, lastAt, now)).toBe(delayMs);
});
