/** Character classes as Python's `str` methods see them. */

/** What `str.isspace` accepts, as the inside of a character class; JavaScript's `\s` differs in five letters. */
export const SPACE_CLASS =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const SPACES = new RegExp(`[${SPACE_CLASS}]+`);

/** `text.strip()`, on both sides or one. A plain scan: a pattern anchored at the end would be quadratic. */
export function strip(
  text: string,
  side: "both" | "left" | "right" = "both",
  letters?: ReadonlySet<string>,
): string {
  const points = Array.from(text);
  const drop = (letter: string | undefined): boolean =>
    letter !== undefined && (letters === undefined ? SPACES.test(letter) : letters.has(letter));
  let from = 0;
  let to = points.length;
  if (side !== "right") while (from < to && drop(points[from])) from++;
  if (side !== "left") while (to > from && drop(points[to - 1])) to--;
  return from === 0 && to === points.length ? text : points.slice(from, to).join("");
}

/** `text.split()` without a separator. */
export function words(text: string): string[] {
  return strip(text) === "" ? [] : strip(text).split(SPACES);
}

const LINE_END_CLASS = "\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029";
const LINE = new RegExp(`[^${LINE_END_CLASS}]*(?:\\r\\n|[${LINE_END_CLASS}]|$)`, "g");
const LINE_END = new RegExp(`(?:\\r\\n|[${LINE_END_CLASS}])$`);

/** `text.splitlines(keepends)` */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines = text.match(LINE) ?? [];
  if (lines.at(-1) === "") lines.pop();
  return keepEnds ? lines : lines.map((line) => line.replace(LINE_END, ""));
}

export function capitalize(text: string): string {
  const [first = "", ...rest] = text;
  return titleLetter(first) + rest.join("").toLowerCase();
}

function titleLetter(letter: string): string {
  const [head = "", ...tail] = letter.toUpperCase();
  return head + tail.join("").toLowerCase();
}

const CASED = /[\p{Lowercase}\p{Uppercase}\p{Lt}]/u;

/** `text.title()`: a letter is capital after a letter without case. */
export function title(text: string): string {
  let inWord = false;
  let out = "";
  for (const letter of text) {
    const cased = CASED.test(letter);
    out += inWord ? letter.toLowerCase() : cased ? titleLetter(letter) : letter;
    inWord = cased;
  }
  return out;
}

export function swapCase(text: string): string {
  return Array.from(text, (letter) =>
    /\p{Lowercase}/u.test(letter)
      ? letter.toUpperCase()
      : /\p{Uppercase}|\p{Lt}/u.test(letter)
        ? letter.toLowerCase()
        : letter,
  ).join("");
}

export function isUpper(text: string): boolean {
  return /[\p{Uppercase}]/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

export function isLower(text: string): boolean {
  return /[\p{Lowercase}]/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
}

export function isTitle(text: string): boolean {
  return CASED.test(text) && text === title(text);
}

/** A letter, by `str.isalnum`: any kind of letter or number, but no combining mark. */
export const ALNUM = /^[\p{L}\p{N}]+$/u;
export const DIGIT_LIKE =
  /[\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490]/u;
