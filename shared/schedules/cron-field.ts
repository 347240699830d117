/** One field of a cron schedule, in APScheduler's syntax: `*`, `5`, `1-5`, `10-50/10`, `mon-fri`, `2nd tue`, `last`. Pure. */

/** A date on the wall. */
export interface CalendarDay {
  readonly year: number;
  /** 1 to 12 */
  readonly month: number;
  readonly day: number;
  /** 0 is Monday. */
  readonly weekday: number;
  /** Days of this month. */
  readonly daysInMonth: number;
}

export const fieldNames = [
  "year",
  "month",
  "day",
  "week",
  "day_of_week",
  "hour",
  "minute",
  "second",
] as const;
export type FieldName = (typeof fieldNames)[number];

export const fieldBounds: Readonly<Record<FieldName, readonly [least: number, most: number]>> = {
  year: [1970, 9999],
  month: [1, 12],
  day: [1, 31],
  week: [1, 53],
  day_of_week: [0, 6],
  hour: [0, 23],
  minute: [0, 59],
  second: [0, 59],
};

/** Whether a value fits; the date matters to days that are counted by their weekday. */
export type FieldTest = (value: number, date: CalendarDay) => boolean;

export type FieldReading =
  | { readonly fits: FieldTest; readonly problem: null }
  | { readonly fits: null; readonly problem: string };

const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const positions = ["1st", "2nd", "3rd", "4th", "5th", "last"];

class Unreadable extends Error {}

/** Reads a list of expressions; a value fits when it fits one of them. */
export function readField(name: FieldName, written: number | string): FieldReading {
  try {
    const tests = String(written)
      .trim()
      .split(/ *, */)
      .map((text) => readExpression(name, text));
    return { fits: (value, date) => tests.some((test) => test(value, date)), problem: null };
  } catch (error) {
    if (error instanceof Unreadable) return { fits: null, problem: error.message };
    throw error;
  }
}

function readExpression(name: FieldName, text: string): FieldTest {
  const [least, most] = fieldBounds[name];
  const every = /^\*(?:\/(\d+))?$/.exec(text);
  if (every !== null) return range(name, least, most, stepOf(every[1]));
  const numbers = /^(\d+)(?:-(\d+))?(?:\/(\d+))?$/.exec(text);
  if (numbers !== null) {
    const first = Number(numbers[1]);
    const step = stepOf(numbers[3]);
    // `5` is five alone, `5/10` is every tenth from five on.
    const last = numbers[2] !== undefined ? Number(numbers[2]) : step === null ? first : most;
    return range(name, first, last, step);
  }
  const words = name === "month" ? months : name === "day_of_week" ? weekdays : null;
  const named = /^([a-z]+)(?:-([a-z]+))?$/i.exec(text);
  if (words !== null && named !== null) {
    const first = wordOf(words, named[1] ?? "") + least;
    const last = named[2] === undefined ? first : wordOf(words, named[2]) + least;
    return range(name, first, last, null);
  }
  if (name === "day") {
    if (/^last$/i.test(text)) return (value, { daysInMonth }) => value === daysInMonth;
    const placed = /^(1st|2nd|3rd|4th|5th|last) +([a-z]+)$/i.exec(text);
    if (placed !== null) return weekdayAt(placed[1] ?? "", wordOf(weekdays, placed[2] ?? ""));
  }
  throw new Unreadable(`'${text.slice(0, 40)}' is no expression for the field ${name}`);
}

function stepOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (Number(text) > 0) return Number(text);
  throw new Unreadable("a step must be greater than 0");
}

function range(name: FieldName, first: number, last: number, step: number | null): FieldTest {
  const [least, most] = fieldBounds[name];
  if (first < least || last > most) throw new Unreadable(`the field ${name} goes from ${least} to ${most}`);
  if (first > last) throw new Unreadable(`a range begins with the smaller value, not ${first}-${last}`);
  if (step !== null && step > Math.max(1, last - first))
    throw new Unreadable(`the step ${step} is longer than its range, ${first} to ${last}`);
  return (value) => value >= first && value <= last && (value - first) % (step ?? 1) === 0;
}

function wordOf(words: readonly string[], word: string): number {
  const found = words.indexOf(word.toLowerCase());
  if (found >= 0) return found;
  throw new Unreadable(`'${word.slice(0, 40)}' is none of ${words.join(", ")}`);
}

function weekdayAt(position: string, wanted: number): FieldTest {
  const place = positions.indexOf(position.toLowerCase());
  return (value, { day, weekday, daysInMonth }) => {
    if ((((weekday + value - day) % 7) + 7) % 7 !== wanted) return false;
    return place === 5 ? value + 7 > daysInMonth : Math.ceil(value / 7) === place + 1;
  };
}
