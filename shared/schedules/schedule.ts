/** Schedules as rules give them to the triggers of timers (st2 docs, Timers): read, checked, and asked when they come. Pure. */
import { isPetrelError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { suggestion } from "../nearest.ts";
import { readDateTime } from "../rules/datetime-text.ts";
import { CronSchedule, withDefaults } from "./cron.ts";
import { type FieldName, type FieldTest, fieldNames, readField } from "./cron-field.ts";
import { instantOf, utc, type Zone, zoneOf } from "./zone.ts";

export const timerTypes = {
  interval: "core.st2.IntervalTimer",
  date: "core.st2.DateTimer",
  cron: "core.st2.CronTimer",
} as const;
export type TimerType = (typeof timerTypes)[keyof typeof timerTypes];

export const isTimerType = (type: string): type is TimerType =>
  Object.values(timerTypes).some((known) => known === type);

/** When something occurs. */
export interface Schedule {
  /** Milliseconds since the epoch of the first occurrence after this instant; `null`: none comes any more. */
  next(afterMs: number): number | null;
}

export interface ScheduleProblem {
  /** `null`: it is about the parameters as a whole. */
  readonly parameter: string | null;
  readonly message: string;
  readonly hint: string;
}

export interface ScheduleReading {
  /** `null` when there are problems. */
  readonly schedule: Schedule | null;
  readonly problems: readonly ScheduleProblem[];
}

const units: ReadonlyMap<string, number> = new Map([
  ["seconds", 1_000],
  ["minutes", 60_000],
  ["hours", 3_600_000],
  ["days", 86_400_000],
  ["weeks", 7 * 86_400_000],
]);
/** Ten years: what is longer is a mistake. */
const longestMs = 3_660 * 86_400_000;

const taken: Readonly<Record<TimerType, readonly string[]>> = {
  [timerTypes.interval]: ["unit", "delta", "timezone"],
  [timerTypes.date]: ["date", "timezone"],
  [timerTypes.cron]: [...fieldNames, "timezone"],
};

/**
 * Intervals count from `anchorMs`; a date without a day is that of `anchorMs`. Without `timezone` everything is in UTC.
 */
export function readSchedule(type: TimerType, parameters: JsonObject, anchorMs: number): ScheduleReading {
  // As there: null is as good as nothing.
  const given = new Map(Object.entries(parameters).filter(([, value]) => value !== null));
  const problems: ScheduleProblem[] = [...given.keys()]
    .filter((name) => !taken[type].includes(name))
    .map((name) => ({
      parameter: name,
      message: `${type} has no parameter '${name.slice(0, 80)}'`,
      hint: suggestion(name, taken[type]),
    }));
  const report = (parameter: string | null, message: string, hint: string): null => {
    problems.push({ parameter, message, hint });
    return null;
  };
  const zone = readZone(given.get("timezone"), report);
  const schedule = readers[type](given, { zone: zone ?? utc, anchorMs, report });
  return problems.length > 0 ? { schedule: null, problems } : { schedule, problems };
}

type Given = ReadonlyMap<string, Json>;
type Report = (parameter: string | null, message: string, hint: string) => null;
interface Circumstances {
  readonly zone: Zone;
  readonly anchorMs: number;
  readonly report: Report;
}

function readZone(name: Json | undefined, report: Report): Zone | null {
  if (name === undefined) return utc;
  const zone = typeof name === "string" ? zoneOf(name) : null;
  const hint = "write a name such as Europe/Berlin, or leave it out for UTC";
  return zone ?? report("timezone", `there is no time zone ${JSON.stringify(name).slice(0, 80)}`, hint);
}

const readers: Readonly<Record<TimerType, (given: Given, about: Circumstances) => Schedule | null>> = {
  [timerTypes.interval]: readInterval,
  [timerTypes.date]: readDate,
  [timerTypes.cron]: readCron,
};

function readInterval(given: Given, { anchorMs, report }: Circumstances): Schedule | null {
  const [unit, delta] = [given.get("unit"), given.get("delta")];
  const unitMs = typeof unit === "string" ? units.get(unit) : undefined;
  if (unitMs === undefined)
    report("unit", "an interval needs its unit", `one of: ${[...units.keys()].join(", ")}`);
  const isWhole = typeof delta === "number" && Number.isInteger(delta) && delta >= 1;
  if (!isWhole)
    report("delta", "an interval needs its length as a whole number from 1 on", "write delta: 5, say");
  if (unitMs === undefined || !isWhole) return null;
  const stepMs = delta * unitMs;
  if (stepMs > longestMs)
    return report("delta", "an interval has at most ten years", "write a smaller number");
  return {
    next: (afterMs) => anchorMs + Math.max(1, Math.floor((afterMs - anchorMs) / stepMs) + 1) * stepMs,
  };
}

function readDate(given: Given, { zone, anchorMs, report }: Circumstances): Schedule | null {
  const date = given.get("date");
  const hint = "write it like 2026-12-24 18:00:00, or with its zone: 2026-12-24T18:00:00+01:00";
  if (typeof date !== "string") return report("date", "a date is needed, as text", hint);
  try {
    const { ms, isZoned } = readDateTime(date, anchorMs);
    const at = isZoned ? ms : instantOf(ms, zone);
    return { next: (afterMs) => (at > afterMs ? at : null) };
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    return report("date", `'${date.slice(0, 80)}' is no date`, hint);
  }
}

function readCron(given: Given, { zone, report }: Circumstances): Schedule | null {
  const named = fieldNames.filter((name) => given.has(name));
  if (named.length === 0)
    return report(null, "a cron timer needs at least one field", "add `minute: 0`, say");
  const hint = "write 5, *, */15, 1-5, 1,15, mon-fri, 2nd tue or last: docs/guides/timers-and-webhooks.md";
  const values: Partial<Record<FieldName, number | string>> = {};
  for (const name of named) {
    const value = given.get(name);
    if (typeof value === "string" || (typeof value === "number" && Number.isInteger(value)))
      values[name] = value;
    else report(name, `the field ${name} is a whole number or a text`, hint);
  }
  const tests: Partial<Record<FieldName, FieldTest>> = {};
  for (const [name, value] of Object.entries(withDefaults(values)) as [FieldName, number | string][]) {
    const { fits, problem } = readField(name, value);
    if (fits === null) report(name, problem, hint);
    else tests[name] = fits;
  }
  if (!isComplete(tests)) return null;
  const schedule = new CronSchedule(tests, zone);
  return schedule.next(0) === null
    ? report(null, "no date ever fits all of its fields", "change one of them")
    : schedule;
}

const isComplete = (tests: Partial<Record<FieldName, FieldTest>>): tests is Record<FieldName, FieldTest> =>
  fieldNames.every((name) => tests[name] !== undefined);
