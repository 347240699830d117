/** Python's truth, equality, order and membership. */
import { str } from "./text.ts";
import {
  Dict,
  defined,
  dictEntries,
  dictGet,
  dictHas,
  dictSize,
  Float,
  fail,
  isDict,
  isEmptyDict,
  isPlainObject,
  Namespace,
  Range,
  Stream,
  Tuple,
  typeName,
  Undefined,
} from "./values.ts";

/** `bool(value)` */
export function truth(value: unknown): boolean {
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return value !== "";
    case "number":
      return value !== 0; // NaN is true
    case "bigint":
      return value !== 0n;
  }
  if (value === null) return false;
  if (isPlainObject(value)) return !isEmptyDict(value);
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof Tuple) return value.items.length > 0;
  if (value instanceof Range) return value.length > 0;
  if (value instanceof Undefined) defined(value);
  if (value instanceof Stream && value.kind.startsWith("dict_")) return value.items.length > 0;
  return isDict(value) ? !isEmptyDict(value) : true;
}

/** The JavaScript number to compare with, for int, float and bool; `undefined` for anything else. */
function comparable(value: unknown): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof Float ? value.value : undefined;
}

/** `a == b`: `1 == True == 1.0`, deep for lists, tuples and dicts, never an error for defined values. */
export function equal(a: unknown, b: unknown): boolean {
  if (typeof a === "string" && typeof b === "string") return a === b;
  const x = comparable(a);
  if (x !== undefined) {
    const y = comparable(b);
    // A bigint is never === a number; NaN is neither below nor above.
    defined(b);
    return y !== undefined && x <= y && x >= y;
  }
  defined(a);
  defined(b);
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && equalItems(a, b);
  if (a instanceof Tuple) return b instanceof Tuple && equalItems(a.items, b.items);
  if (a instanceof Range && b instanceof Range) {
    return (
      a.length === b.length &&
      (a.length === 0 || (a.start === b.start && (a.length === 1 || a.step === b.step)))
    );
  }
  if (!isDict(a) || !isDict(b) || dictSize(a) !== dictSize(b)) return false;
  return dictEntries(a).every(([key, value]) => dictHas(b, key) && equal(value, dictGet(b, key)));
}

function equalItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i] || equal(item, b[i]));
}

export type Order = "<" | ">" | "<=" | ">=";

/** `a < b` and its kin: numbers, strings by code point, lists and tuples item by item; anything else is refused. */
export function ordered(a: unknown, operator: Order, b: unknown): boolean {
  const x = comparable(defined(a));
  const y = comparable(defined(b));
  if (x !== undefined && y !== undefined) return decide(x, operator, y);
  if (typeof a === "string" && typeof b === "string") return decide(compareText(a, b), operator, 0);
  const [left, right] = sequences(a, b);
  if (left === undefined || right === undefined) {
    return fail(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
  }
  const differs = left.findIndex((item, i) => i >= right.length || !equal(item, right[i]));
  if (differs < 0 || differs >= right.length) return decide(left.length, operator, right.length);
  return ordered(left[differs], operator, right[differs]);
}

function sequences(a: unknown, b: unknown): [readonly unknown[] | undefined, readonly unknown[] | undefined] {
  if (Array.isArray(a) && Array.isArray(b)) return [a, b];
  return a instanceof Tuple && b instanceof Tuple ? [a.items, b.items] : [undefined, undefined];
}

function decide(x: number | bigint, operator: Order, y: number | bigint): boolean {
  switch (operator) {
    case "<":
      return x < y;
    case ">":
      return x > y;
    case "<=":
      return x <= y;
    case ">=":
      return x >= y;
  }
}

/** Order by code point: JavaScript's own order puts U+E000..U+FFFF above the astral planes. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const surrogateX = x >= 0xd800 && x <= 0xdfff;
    return surrogateX === (y >= 0xd800 && y <= 0xdfff) ? x - y : surrogateX ? 1 : -1;
  }
  return a.length - b.length;
}

/** `part in whole` */
export function contains(whole: unknown, part: unknown): boolean {
  defined(whole);
  if (typeof whole === "string") {
    if (typeof part === "string") return whole.includes(part);
    defined(part);
    return fail(`'in <string>' requires string as left operand, not ${typeName(part)}`);
  }
  if (Array.isArray(whole)) return whole.some((item) => item === part || equal(item, part));
  if (whole instanceof Tuple || (whole instanceof Stream && whole.kind !== "dict_items")) {
    return whole.items.some((item) => equal(item, part));
  }
  if (whole instanceof Stream) return whole.items.some((item) => equal(item, part));
  if (whole instanceof Dict || isDict(whole)) return dictHas(whole, part);
  if (whole instanceof Range) {
    const n = comparable(defined(part));
    if (typeof n !== "number" || whole.length === 0) return false;
    const place = (n - whole.start) / whole.step;
    return Number.isInteger(place) && place >= 0 && place < whole.length;
  }
  if (whole instanceof Namespace) return fail("argument of type 'Namespace' is not iterable");
  return fail(`argument of type '${typeName(whole)}' is not iterable`);
}

/** A stable sort as Python's `sorted(items, key=…)`. */
export function sorted<T>(items: readonly T[], key: (item: T) => unknown, reverse = false): T[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  const sign = reverse ? -1 : 1;
  keyed.sort((a, b) => (ordered(a.key, "<", b.key) ? -sign : ordered(b.key, "<", a.key) ? sign : 0));
  return keyed.map((entry) => entry.item);
}

/** The text of a value when it is needed as a key of a plain object. */
export function keyText(key: unknown): string {
  return typeof key === "string" ? key : str(key);
}
