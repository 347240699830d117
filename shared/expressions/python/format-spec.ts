/** `format(value, spec)`: Python's format specification mini-language. */

import { groupDigits, presentFloat } from "./number-text.ts";
import { floatOf, toInt } from "./numbers.ts";
import { floatText, repr, str } from "./text.ts";
import { fail, isFloat, isInt, roomFor, typeName } from "./values.ts";

interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly group: string;
  readonly precision: number | null;
  readonly type: string;
}

const SPEC = /^(?:(.)?([<>=^]))?([+\- ])?z?(#)?(0)?(\d+)?([_,])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/su;
const MAX_WIDTH = 100_000;

function parseSpec(text: string, value: unknown): Spec {
  const match = SPEC.exec(text);
  if (match === null) {
    return fail(`Invalid format specifier '${text}' for object of type '${typeName(value)}'`);
  }
  const [, fill, align, sign, alternate, zero, width, group, precision, type] = match;
  if (Number(width ?? 0) > MAX_WIDTH || Number(precision ?? 0) > MAX_WIDTH) return fail("width too big");
  return {
    fill: fill ?? (zero !== undefined && align === undefined ? "0" : zero !== undefined ? "0" : " "),
    align: align ?? "",
    sign: sign ?? "-",
    alternate: alternate !== undefined,
    zero: zero !== undefined,
    width: Number(width ?? 0),
    group: group ?? "",
    precision: precision === undefined ? null : Number(precision),
    type: type ?? "",
  };
}

export function formatValue(value: unknown, specText: string): string {
  if (typeof value === "boolean" && specText === "") return str(value);
  if (isInt(value) || typeof value === "boolean")
    return formatInt(toInt(value), parseSpec(specText, value), value);
  if (isFloat(value)) return formatFloat(floatOf(value), parseSpec(specText, value), value);
  if (typeof value === "string") return formatText(value, parseSpec(specText, value));
  if (specText === "") return str(value);
  return fail(`unsupported format string passed to ${typeName(value)}.__format__`);
}

function unknownCode(type: string, value: unknown): never {
  return fail(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
}

function formatText(value: string, spec: Spec): string {
  if (spec.type !== "" && spec.type !== "s") return unknownCode(spec.type, value);
  if (spec.sign !== "-") return fail("Sign not allowed in string format specifier");
  if (spec.align === "=") return fail("'=' alignment not allowed in string format specifier");
  if (spec.alternate) return fail("Alternate form (#) not allowed in string format specifier");
  if (spec.group !== "") return fail(`Cannot specify '${spec.group}' with 's'.`);
  const letters = [...value];
  const text = spec.precision === null ? value : letters.slice(0, spec.precision).join("");
  return align(text, spec, "<");
}

function formatInt(n: number | bigint, spec: Spec, value: unknown): string {
  if ("eEfFgG%".includes(spec.type) && spec.type !== "") return formatFloat(Number(n), spec, value);
  if (spec.precision !== null) return fail("Precision not allowed in integer format specifier");
  if (spec.type === "c") return align(String.fromCodePoint(Number(n)), spec, "<");
  const radix = { b: 2, o: 8, x: 16, X: 16 }[spec.type] ?? 10;
  if (spec.type === "s") return unknownCode("s", value);
  const negative = n < 0;
  let digits = (negative ? -BigInt(n) : BigInt(n)).toString(radix);
  if (spec.type === "X") digits = digits.toUpperCase();
  if (spec.group !== "") digits = groupDigits(digits, spec.group, radix === 10 ? 3 : 4);
  const prefix = spec.alternate && radix !== 10 ? `0${spec.type}` : "";
  return numeric(negative, prefix, digits, spec);
}

function formatFloat(n: number, spec: Spec, value: unknown): string {
  if ("bcdosxX".includes(spec.type) && spec.type !== "") return unknownCode(spec.type, value);
  let text: string;
  if (spec.type === "" || spec.type === "n") text = plainFloat(n, spec);
  else if (spec.type === "%") text = `${presentFloat(n * 100, "f", spec.precision ?? 6, spec.alternate)}%`;
  else text = presentFloat(n, spec.type, spec.precision ?? 6, spec.alternate);
  const negative = text.startsWith("-");
  let digits = negative ? text.slice(1) : text;
  if (spec.group !== "") digits = groupDigits(digits, spec.group);
  return numeric(negative, "", digits, spec);
}

/** No type: like `g`, but with at least one digit after the point. */
function plainFloat(n: number, spec: Spec): string {
  if (spec.precision === null) return spec.type === "n" ? presentFloat(n, "g", 6, false) : floatText(n);
  const text = presentFloat(n, "g", spec.precision, spec.alternate);
  return spec.type === "" && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function numeric(negative: boolean, prefix: string, digits: string, spec: Spec): string {
  const sign = negative ? "-" : spec.sign === "-" ? "" : spec.sign;
  const lead = sign + prefix;
  if (spec.align === "=" || (spec.align === "" && spec.zero)) {
    const missing = Math.max(0, spec.width - [...lead, ...digits].length);
    if (spec.group !== "" && spec.fill === "0") return lead + groupedZeros(digits, missing, spec);
    return lead + spec.fill.repeat(missing) + digits;
  }
  return align(lead + digits, spec, ">");
}

/** Zero padding goes into the groups too: `format(1234, '09,')` is `0,001,234`. */
function groupedZeros(digits: string, missing: number, spec: Spec): string {
  const size = "bxXo".includes(spec.type) && spec.type !== "" ? 4 : 3;
  const width = [...digits].length + missing;
  const [whole = "", rest] = [
    /^[0-9a-zA-Z,_]*/.exec(digits)?.[0] ?? "",
    /^[0-9a-zA-Z,_]*(.*)$/s.exec(digits)?.[1] ?? "",
  ];
  let plain = whole.replaceAll(spec.group, "");
  while (groupDigits(plain, spec.group, size).length + rest.length < width) plain = `0${plain}`;
  return groupDigits(plain, spec.group, size) + rest;
}

function align(text: string, spec: Spec, standard: string): string {
  const missing = spec.width - [...text].length;
  if (missing <= 0) return text;
  const where = spec.align === "" ? standard : spec.align;
  const left = where === ">" ? missing : where === "^" ? Math.floor(missing / 2) : 0;
  return spec.fill.repeat(left) + text + spec.fill.repeat(missing - left);
}

const FIELD = /^([^!:]*)(?:!([rsa]))?(?::(.*))?$/s;

/** `template.format(*args, **named)`; attributes of Python objects are not reachable, items are. */
export function formatBraces(
  template: string,
  args: readonly unknown[],
  named: ReadonlyMap<string, unknown>,
  member: (value: unknown, key: unknown) => unknown,
): string {
  let automatic = 0;
  const resolve = (field: string): unknown => {
    const parts = /^([^.[]*)(.*)$/s.exec(field);
    const first = parts?.[1] ?? "";
    let value: unknown;
    if (first === "") value = pick(args, automatic++);
    else if (/^\d+$/.test(first)) value = pick(args, Number(first));
    else value = named.has(first) ? named.get(first) : fail(repr(first));
    for (const step of (parts?.[2] ?? "").matchAll(/\.([^.[]+)|\[([^\]]*)\]/g)) {
      const key = step[1] ?? step[2] ?? "";
      value = member(value, step[2] !== undefined && /^\d+$/.test(key) ? Number(key) : key);
    }
    return value;
  };
  const expand = (text: string, depth: number): string => {
    if (depth > 2) return fail("Max string recursion exceeded");
    let out = "";
    for (let i = 0; i < text.length; i++) {
      const letter = text.charAt(i);
      if ((letter === "{" || letter === "}") && text.charAt(i + 1) === letter) {
        out += letter;
        i++;
      } else if (letter === "}") {
        return fail("Single '}' encountered in format string");
      } else if (letter === "{") {
        const end = closing(text, i);
        const match = FIELD.exec(text.slice(i + 1, end));
        const [, name = "", conversion, spec = ""] = match ?? fail("expected ':' after conversion specifier");
        const value = resolve(name);
        const shown =
          conversion === "r" || conversion === "a" ? repr(value) : conversion === "s" ? str(value) : value;
        roomFor(out.length);
        out += formatValue(shown, spec.includes("{") ? expand(spec, depth + 1) : spec);
        i = end;
      } else out += letter;
    }
    return out;
  };
  return expand(template, 1);
}

function pick(args: readonly unknown[], index: number): unknown {
  return index < args.length
    ? args[index]
    : fail(`Replacement index ${index} out of range for positional args tuple`);
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text.charAt(i) === "{") depth++;
    else if (text.charAt(i) === "}" && --depth === 0) return i;
  }
  return fail("expected '}' before end of string");
}
