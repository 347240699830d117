/** Python's arithmetic: ints of any size, floats apart from ints, floor division and modulo by the divisor's sign. */
import { numeric } from "./numbers.ts";
import { formatPercent } from "./percent-format.ts";
import {
  defined,
  Float,
  fail,
  floatValue,
  intValue,
  roomForItems,
  sized,
  Tuple,
  tooLarge,
  typeName,
} from "./values.ts";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**";

/** Repetition beyond this many items or units, and powers beyond this many bits, are refused. */
const MAX_LENGTH = 200_000;

export function arithmetic(a: unknown, operator: ArithmeticOperator, b: unknown): unknown {
  const x = numeric(defined(a));
  const y = numeric(defined(b));
  if (x && y) {
    return "int" in x && "int" in y
      ? ofInts(x.int, operator, y.int)
      : ofFloats("int" in x ? Number(x.int) : x.float, operator, "int" in y ? Number(y.int) : y.float);
  }
  if (operator === "%" && typeof a === "string") return formatPercent(a, b);
  if (operator === "+") return concatenate(a, b);
  if (operator === "*") {
    if (x && "int" in x) return repeat(b, Number(x.int), a);
    if (y && "int" in y) return repeat(a, Number(y.int), b);
  }
  return unsupported(a, operator === "**" ? "** or pow()" : operator, b);
}

function unsupported(a: unknown, operator: string, b: unknown): never {
  return fail(`unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`);
}

function concatenate(a: unknown, b: unknown): unknown {
  const refuse = (kind: string): never =>
    fail(`can only concatenate ${kind} (not "${typeName(b)}") to ${kind}`);
  if (typeof a === "string") return typeof b === "string" ? sized(a + b) : refuse("str");
  if (Array.isArray(a)) return Array.isArray(b) ? joined(a, b) : refuse("list");
  if (a instanceof Tuple) return b instanceof Tuple ? new Tuple(joined(a.items, b.items)) : refuse("tuple");
  return unsupported(a, "+", b);
}

function joined(a: readonly unknown[], b: readonly unknown[]): unknown[] {
  roomForItems(a.length + b.length);
  return [...a, ...b];
}

function repeat(value: unknown, count: number, other: unknown): unknown {
  const times = Math.max(0, count);
  const many = (items: readonly unknown[]): unknown[] =>
    items.length * times > MAX_LENGTH ? tooLarge() : Array.from({ length: times }, () => items).flat();
  if (typeof value === "string") return value.length * times > MAX_LENGTH ? tooLarge() : value.repeat(times);
  if (Array.isArray(value)) return many(value.map((item) => [item])).flat();
  if (value instanceof Tuple) return new Tuple(many(value.items.map((item) => [item])).flat());
  if (numeric(value) === null && numeric(other) !== null) {
    return unsupported(other, "*", value);
  }
  return unsupported(value, "*", other);
}

function ofInts(a: number | bigint, operator: ArithmeticOperator, b: number | bigint): unknown {
  if (typeof a === "number" && typeof b === "number") {
    const quick = quickInts(a, operator, b);
    if (quick !== undefined) return quick;
  }
  const x = BigInt(a);
  const y = BigInt(b);
  switch (operator) {
    case "+":
      return intValue(x + y);
    case "-":
      return intValue(x - y);
    case "*":
      return intValue(x * y);
    case "/":
      return y === 0n ? fail("division by zero") : floatValue(divide(x, y));
    case "//":
      return y === 0n ? fail("integer division or modulo by zero") : intValue(floorDivide(x, y));
    case "%":
      return y === 0n ? fail("integer modulo by zero") : intValue(x - floorDivide(x, y) * y);
    case "**":
      return power(x, y);
  }
}

/** The common case without bigints; `undefined` when the result may not be exact. */
function quickInts(a: number, operator: ArithmeticOperator, b: number): unknown {
  const safe = (result: number) => (Number.isSafeInteger(result) ? result + 0 : undefined);
  switch (operator) {
    case "+":
      return safe(a + b);
    case "-":
      return safe(a - b);
    case "*":
      return safe(a * b);
    case "/":
      return b !== 0 && Number.isSafeInteger(a) && Number.isSafeInteger(b) ? floatValue(a / b) : undefined;
    default:
      return undefined;
  }
}

function divide(x: bigint, y: bigint): number {
  const result = Number(x) / Number(y);
  return Number.isFinite(result) ? result : fail("integer division result too large for a float");
}

function floorDivide(x: bigint, y: bigint): bigint {
  const quotient = x / y;
  return x % y !== 0n && x < 0n !== y < 0n ? quotient - 1n : quotient;
}

function power(x: bigint, y: bigint): unknown {
  if (y < 0n) return ofFloats(Number(x), "**", Number(y));
  const bits = BigInt(x.toString(2).length) * y;
  if (bits > BigInt(MAX_LENGTH) && x !== 0n && x !== 1n && x !== -1n) return tooLarge();
  return intValue(x ** y);
}

function ofFloats(a: number, operator: ArithmeticOperator, b: number): unknown {
  switch (operator) {
    case "+":
      return floatValue(a + b);
    case "-":
      return floatValue(a - b);
    case "*":
      return floatValue(a * b);
    case "/":
      return b === 0 ? fail("float division by zero") : floatValue(a / b);
    case "//":
      return b === 0 ? fail("float floor division by zero") : floatValue(Math.round((a - modulo(a, b)) / b));
    case "%":
      return b === 0 ? fail("float modulo") : floatValue(modulo(a, b));
    case "**":
      return floatPower(a, b);
  }
}

function modulo(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}

function floatPower(a: number, b: number): unknown {
  if (a === 0 && b < 0) return fail("0.0 cannot be raised to a negative power");
  if (a < 0 && Number.isFinite(a) && !Number.isInteger(b) && Number.isFinite(b)) {
    return fail("a negative number to a fractional power is complex");
  }
  if (a === 1 || b === 0) return new Float(1);
  const result = a ** b;
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) {
    return fail("(34, 'Numerical result out of range')");
  }
  return floatValue(result);
}

export function negate(value: unknown): unknown {
  const n = numeric(defined(value));
  if (n === null) return fail(`bad operand type for unary -: '${typeName(value)}'`);
  if ("float" in n) return floatValue(-n.float);
  return typeof n.int === "bigint" ? intValue(-n.int) : 0 - n.int;
}

export function positive(value: unknown): unknown {
  const n = numeric(defined(value));
  if (n === null) return fail(`bad operand type for unary +: '${typeName(value)}'`);
  return "float" in n ? floatValue(n.float) : n.int;
}

/** `abs(value)` */
export function absolute(value: unknown): unknown {
  const n = numeric(defined(value));
  if (n === null) return fail(`bad operand type for abs(): '${typeName(value)}'`);
  if ("float" in n) return floatValue(Math.abs(n.float));
  return n.int < 0 ? negate(n.int) : n.int;
}
