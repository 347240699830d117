/** When a cron schedule comes next, by clocks on the wall of one zone. Pure. */
import { type CalendarDay, type FieldName, type FieldTest, fieldBounds, fieldNames } from "./cron-field.ts";
import { instantOf, transition, type Zone } from "./zone.ts";

/** A test for each field. */
export type CronFields = Readonly<Record<FieldName, FieldTest>>;

const secondMs = 1000;
const dayMs = 86_400_000;
/** After so many days the calendar begins anew: what has not come by then never comes. */
const cycleDays = 146_097;

/**
 * Fields that are not given: `*` above the last one that is, the least value below it (any week and any weekday). The
 * order is that of `fieldNames`.
 */
export function withDefaults(given: Partial<Readonly<Record<FieldName, number | string>>>) {
  const last = fieldNames.findLastIndex((name) => given[name] !== undefined);
  const filled = fieldNames.map((name, place) => {
    const isAny = place <= last || name === "week" || name === "day_of_week" || name === "year";
    return [name, given[name] ?? (isAny ? "*" : fieldBounds[name][0])] as const;
  });
  return Object.fromEntries(filled) as Record<FieldName, number | string>;
}

export class CronSchedule {
  readonly #fields: CronFields;
  readonly #zone: Zone;
  /** Seconds of a day that fit, in order, as hours, minutes and seconds. */
  readonly #hours: readonly number[];
  readonly #minutes: readonly number[];
  readonly #seconds: readonly number[];

  constructor(fields: CronFields, zone: Zone) {
    this.#fields = fields;
    this.#zone = zone;
    this.#hours = valuesOf("hour", fields.hour);
    this.#minutes = valuesOf("minute", fields.minute);
    this.#seconds = valuesOf("second", fields.second);
  }

  /**
   * The first occurrence after `afterMs`; `null` when there is none. A time that comes twice counts the first time; one that
   * is skipped counts as far after the jump as it is behind its beginning.
   */
  next(afterMs: number): number | null {
    const zone = this.#zone;
    const from = (Math.floor(afterMs / secondMs) + 1) * secondMs;
    const offset = zone.offsetAt(from);
    const wall = from + offset;
    const first = instantOf(wall, zone);
    if (first < from) {
      // The second time round: all that is left of it has been.
      return this.#from(transition(first, from, zone) + zone.offsetAt(first), from);
    }
    const before = zone.offsetAt(from - dayMs);
    const jump = offset - before;
    if (jump > 0 && zone.offsetAt(from - jump) === before) {
      // Shortly after a jump: what was skipped comes now, beside what the clocks show.
      const skipped = this.#from(from + before, from);
      if (skipped !== null && skipped >= from) return skipped;
    }
    return this.#from(wall, from);
  }

  /** The first instant of a time on the wall from `wall` on; where times are skipped, none before `from`. */
  #from(wall: number, from: number): number | null {
    const found = this.#nextWall(wall);
    if (found === null) return null;
    const zone = this.#zone;
    const instant = instantOf(found, zone);
    const jump = zone.offsetAt(instant) - (found - instant);
    if (jump === 0) return instant;
    // It is skipped. What the clocks show after the jump may come before it.
    const jumpedAt = transition(instant - jump, instant, zone);
    const shown = this.#from(Math.max(jumpedAt, from) + zone.offsetAt(instant), from);
    return shown === null ? instant : Math.min(instant, shown);
  }

  /** The first time on the wall at or after `wall`. */
  #nextWall(wall: number): number | null {
    const { year, month } = this.#fields;
    let day = Math.floor(wall / dayMs);
    let second = Math.round((wall - day * dayMs) / secondMs);
    const end = day + cycleDays;
    while (day <= end) {
      const date = dateOf(day);
      if (date.year > fieldBounds.year[1]) return null;
      if (!year(date.year, date)) {
        day = Date.UTC(date.year + 1, 0, 1) / dayMs;
        second = 0;
        continue;
      }
      if (!month(date.month, date)) {
        day += date.daysInMonth - date.day + 1;
        second = 0;
        continue;
      }
      const time = this.#fits(date, day) ? this.#nextTime(second) : null;
      if (time !== null) return day * dayMs + time * secondMs;
      day++;
      second = 0;
    }
    return null;
  }

  #fits(date: CalendarDay, day: number): boolean {
    const { week, day_of_week } = this.#fields;
    return (
      this.#fields.day(date.day, date) &&
      day_of_week(date.weekday, date) &&
      week(isoWeek(day, date.weekday), date)
    );
  }

  /** In seconds of a day. */
  #nextTime(from: number): number | null {
    for (const hour of this.#hours) {
      if (hour * 3600 + 3599 < from) continue;
      for (const minute of this.#minutes) {
        const start = hour * 3600 + minute * 60;
        if (start + 59 < from) continue;
        for (const second of this.#seconds) if (start + second >= from) return start + second;
      }
    }
    return null;
  }
}

/** Values of a field that no date matters to. */
function valuesOf(name: FieldName, fits: FieldTest): readonly number[] {
  const [least, most] = fieldBounds[name];
  const all = Array.from({ length: most - least + 1 }, (_, i) => least + i);
  return all.filter((value) => fits(value, dateOf(0)));
}

/** Of a day counted from 1970-01-01. */
export function dateOf(day: number): CalendarDay {
  const date = new Date(day * dayMs);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return {
    year,
    month: month + 1,
    day: date.getUTCDate(),
    weekday: weekdayOf(day),
    daysInMonth: new Date(Date.UTC(year, month + 1, 0)).getUTCDate(),
  };
}

/** 1970-01-01 was a Thursday. */
const weekdayOf = (day: number): number => (((day + 3) % 7) + 7) % 7;

/** A week belongs to the year that its Thursday is in. */
function isoWeek(day: number, weekday: number): number {
  const thursday = day - weekday + 3;
  const year = new Date(thursday * dayMs).getUTCFullYear();
  return Math.floor((thursday - Date.UTC(year, 0, 1) / dayMs) / 7) + 1;
}
