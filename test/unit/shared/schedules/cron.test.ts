/** Cron schedules: a table of expected times, and random schedules held against a scan of every minute. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/json.ts";
import { readSchedule, type Schedule, timerTypes } from "../../../../shared/schedules/schedule.ts";

const day = 86_400_000;
const minute = 60_000;
const at = (text: string) => Date.parse(text);
const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().replace(".000Z", "Z"));

function cron(parameters: JsonObject): Schedule {
  const { schedule, problems } = readSchedule(timerTypes.cron, parameters, 0);
  expect(problems).toEqual([]);
  if (schedule === null) throw new Error("no schedule");
  return schedule;
}

function following(schedule: Schedule, after: string, count: number): readonly (string | null)[] {
  const found: (string | null)[] = [];
  for (let next = schedule.next(at(after)); found.length < count; next = schedule.next(next)) {
    found.push(iso(next));
    if (next === null) break;
  }
  return found;
}

const table: readonly (readonly [JsonObject, string, readonly (string | null)[]])[] = [
  // What is less significant than the last field given is at its least, the rest is any.
  [{ hour: 3 }, "2026-01-01T03:00:00Z", ["2026-01-02T03:00:00Z", "2026-01-03T03:00:00Z"]],
  [{ minute: "*/20" }, "2026-01-01T00:05:00Z", ["2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z"]],
  [
    { second: "10-50/20" },
    "2026-01-01T00:00:10Z",
    ["2026-01-01T00:00:30Z", "2026-01-01T00:00:50Z", "2026-01-01T00:01:10Z"],
  ],
  [{ day: 15 }, "2026-01-01T00:00:00Z", ["2026-01-15T00:00:00Z", "2026-02-15T00:00:00Z"]],
  [{ month: "jun-aug" }, "2026-01-01T00:00:00Z", ["2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"]],
  [{ year: 2028 }, "2026-01-01T00:00:00Z", ["2028-01-01T00:00:00Z", null]],
  [{ day_of_week: "mon-fri", hour: 9 }, "2026-01-02T10:00:00Z", ["2026-01-05T09:00:00Z"]],
  [{ day_of_week: 6, hour: 0 }, "2026-01-01T00:00:00Z", ["2026-01-04T00:00:00Z"]],
  [{ day_of_week: "SAT,sun" }, "2026-01-01T00:00:00Z", ["2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"]],
  [{ day: "1st mon" }, "2026-01-01T00:00:00Z", ["2026-01-05T00:00:00Z", "2026-02-02T00:00:00Z"]],
  [{ day: "5th fri" }, "2026-01-01T00:00:00Z", ["2026-01-30T00:00:00Z", "2026-05-29T00:00:00Z"]],
  [{ day: "last sun", hour: 1 }, "2026-03-01T00:00:00Z", ["2026-03-29T01:00:00Z", "2026-04-26T01:00:00Z"]],
  [{ day: "last" }, "2028-02-01T00:00:00Z", ["2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"]],
  [{ day: "29", month: "feb" }, "2026-01-01T00:00:00Z", ["2028-02-29T00:00:00Z"]],
  [{ week: 53 }, "2026-01-01T12:00:00Z", ["2026-12-28T00:00:00Z", "2026-12-29T00:00:00Z"]],
  [{ week: 1, day_of_week: "mon" }, "2026-01-01T00:00:00Z", ["2027-01-04T00:00:00Z"]],
  [
    { hour: "5/10" },
    "2026-01-01T00:00:00Z",
    ["2026-01-01T05:00:00Z", "2026-01-01T15:00:00Z", "2026-01-02T05:00:00Z"],
  ],
  [{ minute: "0, 30", timezone: "Asia/Kolkata" }, "2026-01-01T00:00:00Z", ["2026-01-01T00:30:00Z"]],
  [
    { hour: 12, timezone: "America/New_York" },
    "2026-03-07T00:00:00Z",
    ["2026-03-07T17:00:00Z", "2026-03-08T16:00:00Z"],
  ],
  // Clocks go from 2:00 to 3:00: what is skipped comes once, as long after the jump.
  [
    { hour: 2, minute: 30, timezone: "Europe/Berlin" },
    "2026-03-28T02:00:00Z",
    ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"],
  ],
  [
    { hour: "2,3", minute: 30, timezone: "Europe/Berlin" },
    "2026-03-29T00:00:00Z",
    ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"],
  ],
  [
    { minute: "*/30", timezone: "Europe/Berlin" },
    "2026-03-29T00:15:00Z",
    ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"],
  ],
  // And back from 3:00 to 2:00: what is doubled comes the first time.
  [
    { hour: 2, minute: 30, timezone: "Europe/Berlin" },
    "2026-10-24T12:00:00Z",
    ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
  ],
  [
    { minute: "*/30", timezone: "Europe/Berlin" },
    "2026-10-25T00:15:00Z",
    ["2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"],
  ],
  // Half an hour, and a whole day that never was.
  [
    { hour: 2, minute: 15, timezone: "Australia/Lord_Howe" },
    "2026-10-03T00:00:00Z",
    ["2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z"],
  ],
  [
    { hour: 12, timezone: "Pacific/Apia" },
    "2011-12-29T21:00:00Z",
    ["2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z", "2011-12-31T22:00:00Z"],
  ],
];

test.each(table)("%j after %s: %j", (parameters, after, expected) => {
  expect(following(cron(parameters), after, expected.length)).toEqual(expected);
});

const wrong: readonly (readonly [JsonObject, string])[] = [
  [{}, "at least one field"],
  [{ minute: 60 }, "from 0 to 59"],
  [{ day: 0 }, "from 1 to 31"],
  [{ hour: "9-5" }, "begins with the smaller value"],
  [{ minute: "*/0" }, "greater than 0"],
  [{ minute: "10-20/30" }, "longer than its range"],
  [{ day_of_week: "monday" }, "'monday' is none of mon"],
  [{ hour: "mon" }, "no expression for the field hour"],
  [{ day: "6th mon" }, "no expression"],
  [{ minute: 1.5 }, "a whole number or a text"],
  [{ minutes: 5, minute: 1 }, "no parameter 'minutes'"],
  [{ day: 31, month: "feb,apr" }, "no date ever fits"],
  [{ minute: 1, timezone: "Europe/Nowhere" }, "no time zone"],
];

test.each(wrong)("%j is refused: %s", (parameters, message) => {
  const { schedule, problems } = readSchedule(timerTypes.cron, parameters, 0);
  expect(schedule).toBeNull();
  expect(problems.map((problem) => problem.message).join("\n")).toContain(message);
});

describe("random schedules", () => {
  /** Lists, ranges and steps with the set of values they stand for. */
  const field = (least: number, most: number) =>
    fc.oneof(
      fc.constant({ text: "*", fits: () => true }),
      fc.integer({ min: least, max: most }).map((n) => ({ text: String(n), fits: (v: number) => v === n })),
      fc
        .integer({ min: 1, max: most - least })
        .map((n) => ({ text: `*/${n}`, fits: (v: number) => (v - least) % n === 0 })),
      fc
        .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))
        .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
        .map(([a, b]) => ({ text: `${a}-${b}`, fits: (v: number) => v >= a && v <= b })),
      fc
        .uniqueArray(fc.integer({ min: least, max: most }), { minLength: 1, maxLength: 4 })
        .map((all) => ({ text: all.join(","), fits: (v: number) => all.includes(v) })),
    );
  const zones = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
  ];
  /** Near the days on which clocks change. */
  const starts = fc
    .tuple(
      fc.constantFrom(
        "2026-03-29T00:00:00Z",
        "2026-10-25T00:00:00Z",
        "2026-03-08T05:00:00Z",
        "2026-11-01T04:00:00Z",
        "2026-10-03T14:00:00Z",
        "2026-04-04T13:00:00Z",
        "2024-02-28T12:00:00Z",
        "2011-12-30T08:00:00Z",
      ),
      fc.integer({ min: -300, max: 300 }),
    )
    .map(([text, minutes]) => at(text) + minutes * minute);

  /** Fields of a wall clock, by another way than the schedule's. */
  function clockOf(zone: string) {
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
    });
    return (ms: number): number => {
      const [d, mo, y, h, mi] = format.format(ms).match(/\d+/g)?.map(Number) ?? [];
      return Date.UTC(y ?? 0, (mo ?? 1) - 1, d, h, mi);
    };
  }

  test("come as a scan of every minute finds them, each after the one before", () => {
    fc.assert(
      fc.property(
        fc.record({ minute: field(0, 59), hour: field(0, 23), day_of_week: field(0, 6), day: field(1, 31) }),
        fc.constantFrom(...zones),
        starts,
        (fields, zone, start) => {
          const parameters = Object.fromEntries(
            Object.entries(fields).map(([name, { text }]) => [name, text]),
          );
          const { schedule } = readSchedule(timerTypes.cron, { ...parameters, timezone: zone }, 0);
          if (schedule === null) return;
          const fits = (wall: number) => {
            const date = new Date(wall);
            return (
              fields.minute.fits(date.getUTCMinutes()) &&
              fields.hour.fits(date.getUTCHours()) &&
              fields.day.fits(date.getUTCDate()) &&
              fields.day_of_week.fits((date.getUTCDay() + 6) % 7)
            );
          };
          const clock = clockOf(zone);
          const end = start + 6 * 3_600_000;
          const wanted = new Set<number>();
          // From a day before, since what was skipped then may come now.
          let seen = clock(start - 25 * 3_600_000);
          for (let now = start - 25 * 3_600_000 + minute; now <= end; now += minute) {
            const wall = clock(now);
            // Skipped: as long after the jump as it would have been.
            for (let lost = seen + minute; lost < wall; lost += minute)
              if (fits(lost)) wanted.add(now + lost - seen - minute);
            if (wall > seen && fits(wall)) wanted.add(now);
            seen = Math.max(seen, wall);
          }
          const expected = [...wanted].filter((ms) => ms > start && ms <= end).sort((a, b) => a - b);
          const found: number[] = [];
          for (let next = schedule.next(start); next !== null && next <= end; next = schedule.next(next)) {
            expect(next).toBeGreaterThan(found.at(-1) ?? start);
            found.push(next);
          }
          expect(found.map(iso)).toEqual(expected.map(iso));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("come no earlier when they are asked for from anywhere before", () => {
    fc.assert(
      fc.property(
        field(0, 59),
        fc.constantFrom(...zones),
        starts,
        fc.integer({ min: 0, max: day }),
        (seconds, timezone, start, part) => {
          const schedule = cron({ second: seconds.text, minute: 30, timezone });
          const next = schedule.next(start) ?? 0;
          const between = start + (part % (next - start));
          expect(schedule.next(between)).toBe(next);
        },
      ),
      { numRuns: 200 },
    );
  });
});
