/** Escapes inside Python string literals; Jinja2 reads the same ones. */
import { fail } from "./values.ts";

const ESCAPE = /\\(?:\r\n|([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g;
const SHORT: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** Replaces escapes; one that is not known stays as it is written, backslash included. */
export function unescapeString(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(ESCAPE, (all, octal, hex, short, long, letter: string | undefined) => {
    if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
    const digits: string | undefined = hex ?? short ?? long;
    if (digits !== undefined) {
      const code = Number.parseInt(digits, 16);
      return code <= 0x10ffff
        ? String.fromCodePoint(code)
        : fail("illegal Unicode character in a string literal");
    }
    if (letter === undefined) return "";
    if (letter === "x" || letter === "u" || letter === "U")
      return fail(`truncated \\${letter} escape in a string literal`);
    return SHORT[letter] ?? all;
  });
}
