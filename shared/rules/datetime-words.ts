/** The words and separators of written dates, as Python's dateutil knows them. */

const months = [
  "jan january",
  "feb february",
  "mar march",
  "apr april",
  "may",
  "jun june",
  "jul july",
  "aug august",
  "sep sept september",
  "oct october",
  "nov november",
  "dec december",
];
const weekdays = [
  "mon monday",
  "tue tuesday",
  "wed wednesday",
  "thu thursday",
  "fri friday",
  "sat saturday",
  "sun sunday",
];
const units = ["h hour hours", "m minute minutes", "s second seconds"];
const halves = ["am a", "pm p"];
const jumps = new Set([
  " ",
  ".",
  ",",
  ";",
  "-",
  "/",
  "'",
  "at",
  "on",
  "and",
  "ad",
  "m",
  "t",
  "of",
  "st",
  "nd",
  "rd",
  "th",
]);

function index(rows: readonly string[]): ReadonlyMap<string, number> {
  return new Map(rows.flatMap((row, i) => row.split(" ").map((word) => [word, i] as const)));
}

const monthOf = index(months);
const weekdayOf = index(weekdays);
const unitOf = index(units);
const halfOf = index(halves);

/** 1 to 12 */
export function monthNumber(word: string): number | undefined {
  const month = monthOf.get(word.toLowerCase());
  return month === undefined ? undefined : month + 1;
}

/** 0 is Monday. */
export function weekdayNumber(word: string): number | undefined {
  return weekdayOf.get(word.toLowerCase());
}

/** 0 hours, 1 minutes, 2 seconds */
export function unitNumber(word: string): number | undefined {
  return unitOf.get(word.toLowerCase());
}

/** 0 before noon, 1 after it */
export function halfNumber(word: string): number | undefined {
  return halfOf.get(word.toLowerCase());
}

export function isJump(word: string): boolean {
  return jumps.has(word.toLowerCase());
}

/** Cuts a text into runs of letters, numbers (with their decimal point) and single separators. */
export function splitDateText(text: string): string[] {
  const tokens: string[] = [];
  for (const [token] of text
    .replaceAll("\0", "")
    .matchAll(/[\p{L}.]*\p{L}[\p{L}.]*|\d+(?:[.,]?\d+)*\.?|\s|[\s\S]/gu)) {
    if (/^\s$/.test(token)) tokens.push(" ");
    else if (/\p{L}/u.test(token) && token.includes("."))
      tokens.push(...token.split(/(\.)/).filter((part) => part !== ""));
    else if (/^\d/.test(token)) tokens.push(...splitNumber(token));
    else tokens.push(token);
  }
  return tokens;
}

/** `2.5` is one number; `1.2.2014` and a trailing point are not. */
function splitNumber(token: string): string[] {
  const marks = token.match(/[.,]/g) ?? [];
  if (marks.length > 1 || /[.,]$/.test(token)) return token.split(/([.,])/).filter((part) => part !== "");
  if (token.includes(",") && token.indexOf(",") < 2) return token.split(/(,)/);
  return [token.replace(",", ".")];
}
