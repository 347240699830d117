/** Python's conversions between numbers and from text: `int()`, `float()`. */
import { strip } from "./letters.ts";
import { defined, Float, fail, floatValue, intValue, isInt, typeName } from "./values.ts";

/** A number as int (number or bigint) or float; `null` for anything that is none. */
export function numeric(value: unknown): { int: number | bigint } | { float: number } | null {
  if (typeof value === "boolean") return { int: value ? 1 : 0 };
  if (isInt(value)) return { int: value };
  if (typeof value === "number") return { float: value };
  return value instanceof Float ? { float: value.value } : null;
}

/** `float(value)` for int, float and bool; refuses anything else. */
export function floatOf(value: unknown): number {
  const n = numeric(defined(value));
  if (n === null) return fail(`must be real number, not ${typeName(value)}`);
  return "int" in n ? Number(n.int) : n.float;
}

/** `int(value)` of Python: truncates floats, reads text with sign, underscores and surrounding space. */
export function toInt(value: unknown, base = 10): number | bigint {
  if (typeof value === "string") return parseInt10(value, base);
  const n = numeric(defined(value));
  if (n === null) {
    return fail(
      `int() argument must be a string, a bytes-like object or a real number, not '${typeName(value)}'`,
    );
  }
  if ("int" in n) return n.int;
  if (Number.isNaN(n.float)) return fail("cannot convert float NaN to integer");
  if (!Number.isFinite(n.float)) return fail("cannot convert float infinity to integer");
  return intValue(BigInt(Math.trunc(n.float)));
}

const PREFIXES: Readonly<Record<number, string>> = { 2: "0b", 8: "0o", 16: "0x" };

/** As many digits as a number holds exactly, whatever they are. */
const PLAIN_INT = /^[0-9]{1,15}$/;

function parseInt10(text: string, base: number): number | bigint {
  if (base === 10 && PLAIN_INT.test(text)) return Number(text);
  const match = /^([+-]?)(.*)$/s.exec(asciiDigits(strip(text)));
  let digits = (match?.[2] ?? "").toLowerCase();
  const prefix = PREFIXES[base];
  if (prefix !== undefined && digits.startsWith(prefix)) digits = digits.slice(2).replace(/^_/, "");
  const valid =
    /^[0-9a-z]+(?:_[0-9a-z]+)*$/.test(digits) &&
    [...digits.replaceAll("_", "")].every((digit) => Number.parseInt(digit, 36) < base);
  if (!valid || digits.length > 4300)
    return fail(`invalid literal for int() with base ${base}: ${quoted(text)}`);
  let total = 0n;
  if (base === 10) total = BigInt(digits.replaceAll("_", ""));
  else
    for (const digit of digits.replaceAll("_", ""))
      total = total * BigInt(base) + BigInt(Number.parseInt(digit, 36));
  return intValue(match?.[1] === "-" ? -total : total);
}

/** `float(value)` of Python. */
export function toFloat(value: unknown): number | Float {
  if (typeof value !== "string") {
    if (numeric(defined(value)) === null) {
      return fail(`float() argument must be a string or a real number, not '${typeName(value)}'`);
    }
    return floatValue(floatOf(value));
  }
  const text = asciiDigits(strip(value));
  if (/^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i.test(text)) {
    return floatValue(Number(text.replaceAll("_", "")));
  }
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special) {
    const size = special[2]?.toLowerCase() === "nan" ? Number.NaN : Number.POSITIVE_INFINITY;
    return special[1] === "-" ? -size : size;
  }
  return fail(`could not convert string to float: ${quoted(value)}`);
}

/** Python reads any script's decimal digits; a zero of category Nd starts each run of ten. */
function asciiDigits(text: string): string {
  return text.replace(/(?![0-9])\p{Nd}/gu, (digit) => {
    let zero = digit.codePointAt(0) ?? 0;
    const code = zero;
    while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--;
    return String(code - zero);
  });
}

function quoted(text: string): string {
  return `'${text.length > 60 ? `${text.slice(0, 60)}…` : text}'`;
}
