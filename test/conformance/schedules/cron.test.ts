/**
 * Cron fields, held against answers of APScheduler 3.11 (`CronTrigger.get_next_fire_time`, random fields). `cron.jsonl`: the
 * first times after an instant; without `times` the fields are refused there. Zones without summer time only: around a
 * change of clocks APScheduler leaves times out, and we do not. What never fits any date is refused by us alone, and
 * the step 1 is never too long.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { JsonObject } from "../../../shared/json.ts";
import { readSchedule, timerTypes } from "../../../shared/schedules/schedule.ts";

interface Row {
  readonly parameters: JsonObject;
  readonly after?: number;
  readonly times?: readonly (number | null)[];
}

const rows = readFileSync(join(import.meta.dirname, "cron.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);

test("every schedule comes when APScheduler says, and what it refuses is refused", () => {
  expect(rows.length).toBeGreaterThan(250);
  for (const { parameters, after = 0, times } of rows) {
    const { schedule } = readSchedule(timerTypes.cron, parameters, 0);
    if (times === undefined) {
      expect({ parameters, schedule }).toEqual({ parameters, schedule: null });
      continue;
    }
    const found: (number | null)[] = [];
    for (let next: number | null = after; found.length < times.length && next !== null; ) {
      next = schedule?.next(next) ?? null;
      found.push(next);
    }
    expect({ parameters, found }).toEqual({ parameters, found: times });
  }
});
