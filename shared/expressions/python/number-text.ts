/** The presentation types that `%` formatting and `format()` share: f, e, g and their kin. */
import { fixed, scientific } from "./round.ts";

/** `type` is one of e E f F g G; `alternate` keeps trailing zeros and the point. Never signed with `+`. */
export function presentFloat(value: number, type: string, precision: number, alternate: boolean): string {
  const text = lower(value, type.toLowerCase(), precision, alternate);
  return type === type.toUpperCase() ? text.toUpperCase() : text;
}

function lower(value: number, type: string, precision: number, alternate: boolean): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (type === "f") return withPoint(fixed(value, precision), alternate);
  if (type === "e") return exponential(value, precision, alternate);
  return general(value, precision === 0 ? 1 : precision, alternate);
}

function withPoint(text: string, alternate: boolean): string {
  return alternate && !text.includes(".") ? `${text}.` : text;
}

function exponential(value: number, precision: number, alternate: boolean): string {
  const { mantissa, exponent } = scientific(value, precision);
  return withPoint(mantissa, alternate) + exponentText(exponent);
}

function exponentText(exponent: number): string {
  return `e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function general(value: number, precision: number, alternate: boolean): string {
  const { mantissa, exponent } = scientific(value, precision - 1);
  const trim = (text: string) => (alternate || !text.includes(".") ? text : text.replace(/\.?0+$/, ""));
  if (exponent < -4 || exponent >= precision) {
    return withPoint(trim(mantissa), alternate) + exponentText(exponent);
  }
  return withPoint(trim(fixed(value, precision - 1 - exponent)), alternate);
}

/** Inserts `separator` between groups of `size` digits of the integer part. */
export function groupDigits(text: string, separator: string, size = 3): string {
  const match = /^([0-9a-zA-Z]*)(.*)$/s.exec(text);
  const digits = match?.[1] ?? "";
  const grouped = digits.replace(new RegExp(`(?<=.)(?=(?:.{${size}})+$)`, "g"), separator);
  return grouped + (match?.[2] ?? "");
}
