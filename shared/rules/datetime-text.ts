/** Reads dates as people and programs write them: what Python's `dateutil.parser.parse` accepts, to the same instant. */
import { fail } from "../expressions/python/values.ts";
import {
  halfNumber,
  isJump,
  monthNumber,
  splitDateText,
  unitNumber,
  weekdayNumber,
} from "./datetime-words.ts";

/** Milliseconds since the epoch. A text without a zone is UTC; missing date parts are today's, in UTC. */
export const parseDateTime = (text: string, now: number): number => readDateTime(text, now).ms;

/** As `parseDateTime`, and whether the text says its zone. */
export function readDateTime(text: string, now: number): { readonly ms: number; readonly isZoned: boolean } {
  if (text.length > 200) return fail("the text is too long for a date");
  const reader = new DateReader(text, now);
  return { ms: reader.read(), isZoned: reader.isZoned };
}

class DateReader {
  readonly #text: string;
  readonly #tokens: string[];
  readonly #now: Date;
  readonly #date = new DateParts();
  #at = 0;
  #hour: number | null = null;
  #minute: number | null = null;
  #second: number | null = null;
  #millisecond = 0;
  #half: number | null = null;
  #weekday: number | null = null;
  #zone: string | null = null;
  #offsetSeconds: number | null = null;

  constructor(text: string, now: number) {
    this.#text = text;
    this.#tokens = splitDateText(text);
    this.#now = new Date(now);
  }

  #fail(): never {
    return fail(`Unknown string format: ${this.#text}`);
  }

  #token(offset = 0): string {
    return this.#tokens[this.#at + offset] ?? "";
  }

  #has(offset: number): boolean {
    return this.#at + offset < this.#tokens.length;
  }

  get isZoned(): boolean {
    return this.#offsetSeconds !== null;
  }

  read(): number {
    for (; this.#at < this.#tokens.length; this.#at++) {
      const token = this.#token();
      if (/^\d/.test(token)) this.#number(token);
      else this.#word(token);
    }
    return this.#instant();
  }

  #word(token: string): void {
    const weekday = weekdayNumber(token);
    const month = monthNumber(token);
    const half = halfNumber(token);
    if (weekday !== undefined) this.#weekday = weekday;
    else if (month !== undefined) this.#month(month);
    else if (half !== undefined && this.#hour !== null && this.#half === null) this.#adjust(this.#hour, half);
    else if (half !== undefined && this.#hour === null && !isJump(token)) this.#fail();
    else if (this.#mayBeZone(token)) this.#named(token);
    else if (this.#hour !== null && (token === "+" || token === "-")) this.#offset(token === "+" ? 1 : -1);
    else if (!isJump(token)) this.#fail();
  }

  #mayBeZone(token: string): boolean {
    return (
      this.#hour !== null &&
      this.#zone === null &&
      this.#offsetSeconds === null &&
      (/^[A-Z]{1,5}$/.test(token) || token === "z") &&
      token.length <= 5 &&
      (token.length > 2 || /^[zZ]$/.test(token) || !isJump(token))
    );
  }

  #named(token: string): void {
    this.#zone = token;
    const utc = /^(?:UTC|GMT|Z|z)$/.test(token);
    if (utc) this.#offsetSeconds = 0;
    // "GMT+3" says what to add to get GMT: the sign is turned round.
    const next = this.#token(1);
    if (next === "+" || next === "-") {
      this.#tokens[this.#at + 1] = next === "+" ? "-" : "+";
      this.#offsetSeconds = null;
      if (utc) this.#zone = null;
    }
  }

  #offset(sign: number): void {
    const digits = this.#token(1);
    if (!/^\d+$/.test(digits)) this.#fail();
    let hours = Number(digits.slice(0, 2));
    let minutes = 0;
    if (digits.length === 4) minutes = Number(digits.slice(2));
    else if (this.#token(2) === ":") {
      if (!/^\d+$/.test(this.#token(3))) this.#fail();
      hours = Number(digits);
      minutes = Number(this.#token(3));
      this.#at += 2;
    } else if (digits.length > 2) this.#fail();
    this.#offsetSeconds = sign * (hours * 3600 + minutes * 60);
    if (
      isJump(this.#token(2)) &&
      this.#token(3) === "(" &&
      this.#token(5) === ")" &&
      this.#token(4).length >= 3
    )
      this.#at += 4;
    this.#at += 1;
  }

  #month(month: number): void {
    this.#date.add(month, "month");
    const separator = this.#token(1);
    if (separator === "-" || separator === "/") {
      this.#date.addText(this.#token(2));
      if (this.#token(3) === separator) {
        this.#date.addText(this.#token(4));
        this.#at += 2;
      }
      this.#at += 2;
    } else if (separator === " " && this.#token(3) === " " && this.#token(2) === "of" && this.#has(4)) {
      if (/^\d+$/.test(this.#token(4))) this.#date.add(this.#fullYear(Number(this.#token(4))), "year");
      this.#at += 4;
    }
  }

  #number(token: string): void {
    const next = this.#token(1);
    const size = token.length;
    if (
      this.#date.count === 3 &&
      (size === 2 || size === 4) &&
      this.#hour === null &&
      next !== ":" &&
      unitNumber(next) === undefined
    ) {
      if (!/^\d+$/.test(token)) this.#fail();
      this.#hour = Number(token.slice(0, 2));
      if (size === 4) this.#minute = Number(token.slice(2));
    } else if (size === 6 || (size > 6 && token.indexOf(".") === 6)) this.#six(token);
    else if (size === 8 || size === 12 || size === 14) this.#compact(token);
    else if (this.#unit(token)) return;
    else if (next === ":" && this.#has(2)) this.#clock(token);
    else if (next === "-" || next === "/" || next === ".") this.#separated(token, next);
    else if (next === "" || isJump(next)) this.#alone(token);
    else if (halfNumber(next) !== undefined && Number(token) < 24) {
      this.#adjust(Math.trunc(Number(token)), halfNumber(next) ?? 0);
      this.#at += 1;
    } else if (this.#date.mayBeDay(Number(token))) this.#date.add(Number(token));
    else this.#fail();
  }

  #six(token: string): void {
    if (this.#date.count === 0 && !token.includes(".")) {
      for (const part of [token.slice(0, 2), token.slice(2, 4), token.slice(4)]) this.#date.addText(part);
      return;
    }
    this.#hour = Number(token.slice(0, 2));
    this.#minute = Number(token.slice(2, 4));
    this.#seconds(token.slice(4));
  }

  #compact(token: string): void {
    if (!/^\d+$/.test(token)) this.#fail();
    this.#date.add(Number(token.slice(0, 4)), "year");
    this.#date.addText(token.slice(4, 6));
    this.#date.addText(token.slice(6, 8));
    if (token.length === 8) return;
    this.#hour = Number(token.slice(8, 10));
    this.#minute = Number(token.slice(10, 12));
    if (token.length > 12) this.#second = Number(token.slice(12));
  }

  /** `10h`, `36 min`, `28.5s`; a bare number after hours is minutes. */
  #unit(token: string): boolean {
    const next = this.#token(1);
    let unit = unitNumber(next);
    let used = 1;
    if (unit === undefined && next === " " && this.#has(2)) {
      unit = unitNumber(this.#token(2));
      used = 2;
    }
    const before = this.#tokens[this.#at - 1] ?? "";
    if (unit === undefined && !this.#has(1)) {
      const previous =
        unitNumber(before) ?? (before === " " ? unitNumber(this.#tokens[this.#at - 2] ?? "") : undefined);
      if (previous === undefined || previous > 1) return false;
      unit = previous + 1;
      used = 0;
    }
    if (unit === undefined) return false;
    const value = Number(token);
    const rest = value - Math.trunc(value);
    if (unit === 0) {
      this.#hour = Math.trunc(value);
      if (rest > 0) this.#minute = Math.trunc(60 * rest);
    } else if (unit === 1) {
      this.#minute = Math.trunc(value);
      if (rest > 0) this.#second = Math.trunc(60 * rest);
    } else this.#seconds(token);
    this.#at += used;
    return true;
  }

  #seconds(text: string): void {
    const [whole = "0", fraction = ""] = text.split(".");
    if (!/^\d+$/.test(whole)) this.#fail();
    this.#second = Number(whole);
    this.#millisecond = Number(`0.${fraction.padEnd(6, "0").slice(0, 6)}`) * 1000;
  }

  #clock(token: string): void {
    this.#hour = Math.trunc(Number(token));
    if (!/^\d/.test(this.#token(2))) this.#fail();
    const minutes = Number(this.#token(2));
    this.#minute = Math.trunc(minutes);
    if (minutes % 1 > 0) this.#second = Math.trunc(60 * (minutes % 1));
    if (this.#token(3) === ":" && this.#has(4)) {
      this.#seconds(this.#token(4));
      this.#at += 2;
    }
    this.#at += 2;
  }

  #separated(token: string, separator: string): void {
    this.#date.addText(token);
    if (this.#has(2) && !isJump(this.#token(2))) {
      this.#part(this.#token(2));
      if (this.#token(3) === separator) {
        this.#part(this.#token(4));
        this.#at += 2;
      }
      this.#at += 1;
    }
    this.#at += 1;
  }

  #part(token: string): void {
    const month = monthNumber(token);
    if (month !== undefined) this.#date.add(month, "month");
    else this.#date.addText(token);
  }

  #alone(token: string): void {
    const half = halfNumber(this.#token(2));
    if (half !== undefined && this.#has(2)) {
      this.#adjust(Math.trunc(Number(token)), half);
      this.#at += 1;
    } else this.#date.addText(token);
    this.#at += 1;
  }

  #adjust(hour: number, half: number): void {
    if (hour < 0 || hour > 12) this.#fail();
    this.#hour = half === 1 && hour < 12 ? hour + 12 : half === 0 && hour === 12 ? 0 : hour;
    this.#half = half;
  }

  #fullYear(year: number): number {
    const current = this.#now.getUTCFullYear();
    if (year >= 100) return year;
    const full = year + Math.floor(current / 100) * 100;
    if (full >= current + 50) return full - 100;
    return full < current - 50 ? full + 100 : full;
  }

  #instant(): number {
    const { year, month, day, exactYear } = this.#date.resolve();
    const clock = [this.#hour, this.#minute, this.#second, this.#weekday];
    if (year === null && month === null && day === null && clock.every((part) => part === null)) this.#fail();
    const fullYear = year === null ? this.#now.getUTCFullYear() : exactYear ? year : this.#fullYear(year);
    const monthIndex = (month ?? this.#now.getUTCMonth() + 1) - 1;
    const days = new Date(Date.UTC(2000, monthIndex + 1, 0)).getUTCDate();
    const length = monthIndex === 1 ? (isLeap(fullYear) ? 29 : 28) : days;
    const date = day ?? Math.min(this.#now.getUTCDate(), length);
    const hour = this.#hour ?? 0;
    const minute = this.#minute ?? 0;
    const second = this.#second ?? 0;
    const valid =
      fullYear >= 1 && fullYear <= 9999 && monthIndex >= 0 && monthIndex < 12 && date >= 1 && date <= length;
    if (!valid || hour > 23 || minute > 59 || second > 59) this.#fail();
    const at = new Date(0);
    at.setUTCFullYear(fullYear, monthIndex, date);
    at.setUTCHours(hour, minute, second);
    if (this.#weekday !== null && day === null) {
      at.setUTCDate(at.getUTCDate() + ((this.#weekday - ((at.getUTCDay() + 6) % 7) + 7) % 7));
    }
    return at.getTime() + this.#millisecond - (this.#offsetSeconds ?? 0) * 1000;
  }
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

type Label = "year" | "month" | "day";
interface Resolved {
  readonly year: number | null;
  readonly month: number | null;
  readonly day: number | null;
  /** The year was written in full. */
  readonly exactYear: boolean;
}

/** Up to three numbers that are year, month and day in some order. */
class DateParts {
  readonly #values: number[] = [];
  readonly #labels = new Map<Label, number>();
  #exactYear = false;

  get count(): number {
    return this.#values.length;
  }

  addText(text: string): void {
    if (!/^\d+(?:\.\d+)?$/.test(text)) fail(`Unknown string format: ${text}`);
    if (/^\d{3,}$/.test(text)) this.add(Number(text), "year", true);
    else this.add(Math.trunc(Number(text)));
  }

  add(value: number, label?: Label, exact = label === "year" || value > 100): void {
    if (this.#values.length >= 3) fail("More than three YMD values");
    const named = label ?? (value > 100 ? "year" : undefined);
    if (named === "year" && exact) this.#exactYear = true;
    if (named !== undefined) {
      if (this.#labels.has(named)) fail(`${named} is already set`);
      this.#labels.set(named, this.#values.length);
    }
    this.#values.push(value);
  }

  mayBeDay(value: number): boolean {
    if (this.#labels.has("day")) return false;
    return value >= 1 && value <= 31;
  }

  resolve(): Resolved {
    const values = this.#values;
    const known = this.#known();
    const order = known ?? this.#guess(values);
    const at = (label: Label): number | null => {
      const place = order.indexOf(label);
      return place < 0 ? null : (values[place] ?? null);
    };
    return { year: at("year"), month: at("month"), day: at("day"), exactYear: this.#exactYear };
  }

  /** When all but one are labelled, the last one is what is left. */
  #known(): (Label | null)[] | null {
    const size = this.#values.length;
    if (this.#labels.size < 2 || size < 2) return null;
    const order: (Label | null)[] = this.#values.map(() => null);
    for (const [label, place] of this.#labels) order[place] = label;
    const missing = (["year", "month", "day"] as const).filter((label) => !this.#labels.has(label));
    const hole = order.indexOf(null);
    if (hole >= 0 && size === 3) order[hole] = missing[0] ?? null;
    return order;
  }

  #guess(values: readonly number[]): Label[] {
    const month = this.#labels.get("month") ?? -1;
    const [first = 0, second = 0] = values;
    if (values.length === 1) return month === 0 ? ["month"] : first > 31 ? ["year"] : ["day"];
    if (values.length === 2) {
      if (month >= 0) return this.#pairWithMonth(month, month === 0 ? second : first);
      if (first > 31) return ["year", "month"];
      if (second > 31) return ["month", "year"];
      return first > 12 ? ["day", "month"] : ["month", "day"];
    }
    if (values.length < 3) return [];
    if (month === 0) return second > 31 ? ["month", "year", "day"] : ["month", "day", "year"];
    if (month === 1) return first > 31 ? ["year", "month", "day"] : ["day", "month", "year"];
    if (month === 2) return second > 31 ? ["day", "year", "month"] : ["year", "day", "month"];
    if (first > 31 || this.#labels.get("year") === 0) return ["year", "month", "day"];
    if (first > 12) return ["day", "month", "year"];
    return ["month", "day", "year"];
  }

  #pairWithMonth(month: number, other: number): Label[] {
    const label: Label = other > 31 ? "year" : "day";
    return month === 0 ? ["month", label] : [label, "month"];
  }
}
