/** Decimal rounding as CPython does it: on the float's exact binary value, half to even. */
import { fail } from "./values.ts";

/** The exact value of a finite float as `numerator / 2^shift`. */
function exact(value: number): { numerator: bigint; shift: bigint } {
  let shift = 0n;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    // Doubling is exact; a double needs at most 1074 of them.
    scaled *= 2;
    shift++;
  }
  return { numerator: BigInt(scaled), shift };
}

/** `value` rounded half to even to `digits` decimals (may be negative), as an integer count of 10^-digits. */
function scaledInteger(value: number, digits: number): bigint {
  const { numerator, shift } = exact(value);
  let top = numerator;
  let bottom = 1n << shift;
  if (digits >= 0) top *= 10n ** BigInt(digits);
  else bottom *= 10n ** BigInt(-digits);
  const negative = top < 0n;
  if (negative) top = -top;
  let quotient = top / bottom;
  const twice = (top % bottom) * 2n;
  if (twice > bottom || (twice === bottom && quotient % 2n === 1n)) quotient += 1n;
  return negative ? -quotient : quotient;
}

/** `'%.{digits}f'` of a finite float. */
export function fixed(value: number, digits: number): string {
  if (digits > 10_000) return fail("precision too big");
  const scaled = scaledInteger(value, digits);
  const negative = value < 0 || Object.is(value, -0);
  const text = (scaled < 0n ? -scaled : scaled).toString().padStart(digits + 1, "0");
  const whole = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
  return negative ? `-${whole}` : whole;
}

/** `round(value, digits)` of a float: a float. */
export function roundFloat(value: number, digits: number): number {
  if (!Number.isFinite(value) || digits > 323) return value;
  if (digits < -308) return value < 0 ? -0 : 0;
  if (digits >= 0) return Number(fixed(value, digits));
  const rounded = Number(`${scaledInteger(value, digits)}e${-digits}`);
  return rounded === 0 && value < 0 ? -0 : rounded;
}

/** `round(value)` of a finite float: an int. */
export function roundToInt(value: number): bigint {
  return scaledInteger(value, 0);
}

/** `round(value, digits)` of an int with negative digits: half to even. */
export function roundInt(value: bigint, digits: number): bigint {
  if (digits >= 0) return value;
  const unit = 10n ** BigInt(-digits);
  const size = value < 0n ? -value : value;
  let quotient = size / unit;
  const twice = (size % unit) * 2n;
  if (twice > unit || (twice === unit && quotient % 2n === 1n)) quotient += 1n;
  return (value < 0n ? -quotient : quotient) * unit;
}

/** Digits and exponent of `'%.{digits}e'`: `d.ddd` and the power of ten. */
export function scientific(value: number, digits: number): { mantissa: string; exponent: number } {
  if (value === 0) return { mantissa: fixed(value, digits), exponent: 0 };
  let exponent = Number(value.toExponential().split("e")[1]);
  let scaled = scaledInteger(value, digits - exponent);
  const limit = 10n ** BigInt(digits + 1);
  if (scaled >= limit || scaled <= -limit) {
    exponent += 1;
    scaled = scaledInteger(value, digits - exponent);
  }
  const text = (scaled < 0n ? -scaled : scaled).toString();
  const mantissa = digits === 0 ? text : `${text.slice(0, 1)}.${text.slice(1)}`;
  return { mantissa: value < 0 ? `-${mantissa}` : mantissa, exponent };
}
