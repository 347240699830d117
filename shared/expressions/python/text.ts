/** Python's `str()` and `repr()`. */
import {
  Callable,
  Dict,
  defined,
  dictEntries,
  Float,
  fail,
  isDict,
  Namespace,
  Range,
  Stream,
  Tuple,
  Undefined,
} from "./values.ts";

/** `str(value)`; refuses what has no text worth printing (functions, generators). */
export function str(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" ? numberText(value) : write(defined(value), new Set());
}

export function repr(value: unknown): string {
  return write(value, new Set(), true);
}

/** `repr(float)`: the shortest text that reads back, with an exponent below 1e-4 and from 1e16. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa = "0", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const negative = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace("-", "").replace(".", "");
  if (exponent < 0) return `${negative}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${negative}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

function write(value: unknown, open: Set<unknown>, quoted = false): string {
  if (typeof value === "string") return quoted ? quote(value) : value;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return numberText(value);
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Range) {
    return `range(${value.start}, ${value.stop}${value.step === 1 ? "" : `, ${value.step}`})`;
  }
  if (open.has(value)) return Array.isArray(value) ? "[...]" : "{...}";
  open.add(value);
  try {
    return writeContainer(value, open);
  } finally {
    open.delete(value);
  }
}

function writeContainer(value: unknown, open: Set<unknown>): string {
  const item = (entry: unknown) => write(entry, open, true);
  const pairs = (entries: Iterable<readonly [unknown, unknown]>) =>
    [...entries].map(([key, entry]) => `${item(key)}: ${item(entry)}`).join(", ");
  if (Array.isArray(value)) return `[${value.map(item).join(", ")}]`;
  if (value instanceof Tuple) {
    return `(${value.items.map(item).join(", ")}${value.items.length === 1 ? "," : ""})`;
  }
  if (value instanceof Dict || isDict(value)) return `{${pairs(dictEntries(value))}}`;
  if (value instanceof Namespace) return `<Namespace {${pairs(value.attributes)}}>`;
  if (value instanceof Stream && value.kind.startsWith("dict_")) {
    return `${value.kind}([${value.items.map(item).join(", ")}])`;
  }
  if (value instanceof Stream) return fail(`a ${value.kind} has no text: add "| list" after the filter`);
  if (value instanceof Callable) {
    return fail(
      `'${value.name}' is a method and has no text: write ['${value.name}'] for a key of that name`,
    );
  }
  return fail("this value has no text");
}

function numberText(value: number): string {
  if (!Number.isInteger(value)) return floatText(value);
  // -0 and integers beyond 2^53 come from JSON.parse only; Python reads both as ints.
  return Number.isSafeInteger(value) ? String(value + 0) : BigInt(value).toString();
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
/** What `str.isprintable` denies: controls, unassigned, surrogates, private use and separators but the space. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\p{Zs}\\]/gu;

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(UNPRINTABLE, (letter) => {
    if (letter === " ") return letter;
    const short = ESCAPES[letter];
    if (short !== undefined) return short;
    const code = letter.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  });
  return mark + (mark === "'" ? body.replaceAll("'", "\\'") : body) + mark;
}
