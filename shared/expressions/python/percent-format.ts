/** `"…" % values` (Python library, printf-style String Formatting). */

import { presentFloat } from "./number-text.ts";
import { floatOf, toInt } from "./numbers.ts";
import { repr, str } from "./text.ts";
import { Dict, dictGet, fail, isDict, isFloat, isInt, Tuple, typeName } from "./values.ts";

const SPEC = /%(?:\(((?:[^()]|\([^()]*\))*)\))?([#0\- +]*)(\*|\d+)?(?:\.(\*|\d+)?)?[hlL]?(.)?/gsu;
/** Wider output than this is refused. */
const MAX_WIDTH = 100_000;

/** `values` is a tuple of arguments, a dict for `%(name)s`, or one argument. */
export function formatPercent(template: string, values: unknown): string {
  const args = values instanceof Tuple ? values.items : [values];
  let used = 0;
  let mapped = false;
  const next = (): unknown => {
    if (used >= args.length) return fail("not enough arguments for format string");
    return args[used++];
  };
  const size = (text: string | undefined): number => {
    if (text === undefined) return 0;
    const width = text === "*" ? Number(toInt(next())) : Number(text);
    return Math.abs(width) > MAX_WIDTH ? fail("width too big") : width;
  };
  const text = template.replace(
    SPEC,
    (all, name: string | undefined, flags: string, width: string | undefined, precision, type) => {
      if (type === undefined) return fail("incomplete format");
      if (type === "%") return "%";
      if (name !== undefined && !isDict(values)) return fail("format requires a mapping");
      if (name !== undefined) mapped = true;
      const wide = size(width);
      const exact = all.includes(".") ? size(precision ?? "0") : null;
      const value = name !== undefined ? item(values, name) : next();
      const body = convert(type, value, flags, exact, all);
      return pad(body, wide < 0 ? -wide : wide, wide < 0 ? `${flags}-` : flags, type);
    },
  );
  if (used < args.length && !mapped && !isDict(values) && !Array.isArray(values)) {
    return fail("not all arguments converted during string formatting");
  }
  return text;
}

function item(values: unknown, name: string): unknown {
  const value = isDict(values) || values instanceof Dict ? dictGet(values, name) : undefined;
  return value === undefined ? fail(repr(name)) : value;
}

function convert(
  type: string,
  value: unknown,
  flags: string,
  precision: number | null,
  spec: string,
): string {
  switch (type) {
    case "s":
      return cut(str(value), precision);
    case "r":
      return cut(repr(value), precision);
    case "a":
      return cut(ascii(repr(value)), precision);
    case "c":
      return character(value);
    case "d":
    case "i":
    case "u":
      return signed(decimal(value, type), flags, precision);
    case "x":
    case "X":
    case "o":
      return signed(based(value, type, flags), flags, precision);
    case "e":
    case "E":
    case "f":
    case "F":
    case "g":
    case "G":
      return signed(presentFloat(real(value), type, precision ?? 6, flags.includes("#")), flags, null);
    default:
      return fail(`unsupported format character '${type}' in ${repr(spec)}`);
  }
}

function real(value: unknown): number {
  if (isInt(value) || isFloat(value) || typeof value === "boolean") return floatOf(value);
  return fail(`must be real number, not ${typeName(value)}`);
}

function cut(text: string, precision: number | null): string {
  return precision === null ? text : [...text].slice(0, precision).join("");
}

/** Non-ASCII letters as Python escapes. */
export function ascii(text: string): string {
  return text.replace(/[^\0-\x7f]/gu, (letter) => {
    const code = letter.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16)}`;
    return code < 0x10000
      ? `\\u${code.toString(16).padStart(4, "0")}`
      : `\\U${code.toString(16).padStart(8, "0")}`;
  });
}

function character(value: unknown): string {
  if (typeof value === "string") return [...value].length === 1 ? value : fail("%c requires int or char");
  if (!isInt(value)) return fail("%c requires int or char");
  return value >= 0 && value <= 0x10ffff
    ? String.fromCodePoint(Number(value))
    : fail("%c arg not in range(0x110000)");
}

function decimal(value: unknown, type: string): string {
  if (isInt(value) || isFloat(value) || typeof value === "boolean") return toInt(value).toString();
  return fail(`%${type} format: a real number is required, not ${typeName(value)}`);
}

function based(value: unknown, type: string, flags: string): string {
  if (!isInt(value) && typeof value !== "boolean") {
    return fail(`%${type} format: an integer is required, not ${typeName(value)}`);
  }
  const text = toInt(value).toString(type === "o" ? 8 : 16);
  const prefix = flags.includes("#") ? (type === "o" ? "0o" : "0x") : "";
  const whole = text.startsWith("-") ? `-${prefix}${text.slice(1)}` : prefix + text;
  return type === "X" ? whole.toUpperCase() : whole;
}

function signed(text: string, flags: string, precision: number | null): string {
  const negative = text.startsWith("-");
  let digits = negative ? text.slice(1) : text;
  if (precision !== null) digits = digits.padStart(precision, "0");
  return (negative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "") + digits;
}

function pad(text: string, width: number, flags: string, type: string): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0") || "srac".includes(type)) return " ".repeat(missing) + text;
  const lead = /^[+\- ]?(?:0[xXoO])?/.exec(text)?.[0] ?? "";
  return lead + "0".repeat(missing) + text.slice(lead.length);
}
