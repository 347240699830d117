/**
 * Python's values in JavaScript: which JavaScript value stands for which Python type.
 *
 * | Python | here |
 * |---|---|
 * | int | a safe-integer `number`, else a `bigint` |
 * | float | a non-integral `number` (also NaN, ±Infinity), else a `Float` |
 * | str, bool, None | `string`, `boolean`, `null` |
 * | list, tuple | array, `Tuple` |
 * | dict | a plain object (own properties), or a `Dict` where order or keys need it |
 *
 * A value that went through `JSON.parse` has lost the difference between `1.0` and `1` (it is the int);
 * `json-text.ts` keeps it.
 */
import { PetrelError } from "../../errors.ts";

declare global {
  interface JSON {
    /** ECMAScript proposal "JSON.parse source text access", present in Node 22 and newer. */
    rawJSON(text: string): unknown;
  }
}

/** A float whose value is a whole number: `1.0`, `-0.0`, `1e+16`. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
  toJSON(): unknown {
    const text = String(this.value);
    return JSON.rawJSON(Object.is(this.value, -0) ? "-0.0" : /[.e]/.test(text) ? text : `${text}.0`);
  }
}

/** An immutable sequence. */
export class Tuple {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
  toJSON(): unknown {
    return this.items;
  }
}

/** A dict with insertion order and any hashable key; equal keys (`1`, `True`, `1.0`) are one. */
export class Dict {
  readonly #entries = new Map<string, readonly [unknown, unknown]>();

  static of(pairs: Iterable<readonly [unknown, unknown]>): Dict {
    const dict = new Dict();
    for (const [key, value] of pairs) dict.set(key, value);
    return dict;
  }
  get size(): number {
    return this.#entries.size;
  }
  /** Python keeps the first of two equal keys and the last value. */
  set(key: unknown, value: unknown): void {
    const hash = hashKey(key);
    this.#entries.set(hash, [this.#entries.get(hash)?.[0] ?? key, value]);
  }
  get(key: unknown): unknown {
    return this.#entries.get(hashKey(key))?.[1];
  }
  has(key: unknown): boolean {
    return this.#entries.has(hashKey(key));
  }
  delete(key: unknown): boolean {
    return this.#entries.delete(hashKey(key));
  }
  clear(): void {
    this.#entries.clear();
  }
  entries(): (readonly [unknown, unknown])[] {
    return [...this.#entries.values()];
  }
  toJSON(): unknown {
    return Object.fromEntries(this.entries().map(([key, value]) => [String(key), value]));
  }
}

/** `range(a, b, step)`: a sequence that is never stored. */
export class Range {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  readonly length: number;
  constructor(start: number, stop: number, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }
}

/** What lazy filters and dict views give: it can be walked, and has no text of its own. */
export class Stream {
  readonly kind: string;
  readonly items: readonly unknown[];
  constructor(kind: string, items: readonly unknown[]) {
    this.kind = kind;
    this.items = items;
  }
}

/** Something a template may call. Never a JavaScript function of the host. */
export class Callable {
  readonly name: string;
  readonly call: (args: readonly unknown[], named: ReadonlyMap<string, unknown>) => unknown;
  constructor(
    name: string,
    call: (args: readonly unknown[], named: ReadonlyMap<string, unknown>) => unknown,
  ) {
    this.name = name;
    this.call = call;
  }
}

/** A name, attribute or item that does not exist: every use of it but `is defined` and `default` is an error. */
export class Undefined {
  readonly message: string;
  /** The bare variable's name, when it was one. */
  readonly variable: string | null;
  constructor(message: string, variable: string | null = null) {
    this.message = message;
    this.variable = variable;
  }
}

/** `namespace(...)`: the one thing whose attributes a template may set. */
export class Namespace {
  readonly attributes = new Map<string, unknown>();
}

/** Throws EXPRESSION_UNDEFINED for an Undefined, otherwise returns the value. */
export function defined(value: unknown): unknown {
  if (value instanceof Undefined) throw new PetrelError("EXPRESSION_UNDEFINED", value.message);
  return value;
}

/** Refuses an operation the way Python would: TypeError, ValueError and their kin. */
export function fail(message: string): never {
  throw new PetrelError("EXPRESSION_TYPE", message);
}

/** Texts and lists larger than this (UTF-16 units, items) are refused wherever a template builds one. */
const MAX_TEXT = 4_000_000;
const MAX_ITEMS = 500_000;

export function tooLarge(): never {
  throw new PetrelError("EXPRESSION_BUDGET", "a template builds a text or list that is too large");
}

/** Returns the value, or throws EXPRESSION_BUDGET when it is a text or list beyond the limits. */
export function sized<T>(value: T): T {
  if (
    typeof value === "string" ? value.length > MAX_TEXT : Array.isArray(value) && value.length > MAX_ITEMS
  ) {
    return tooLarge();
  }
  return value;
}

/** Throws EXPRESSION_BUDGET when a text of this many UTF-16 units is about to be built. */
export function roomFor(length: number): void {
  if (length > MAX_TEXT) tooLarge();
}

/** Throws EXPRESSION_BUDGET when a list of this many items is about to be built. */
export function roomForItems(count: number): void {
  if (count > MAX_ITEMS) tooLarge();
}

export function isInt(value: unknown): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}

export function isFloat(value: unknown): value is number | Float {
  return value instanceof Float || (typeof value === "number" && !Number.isInteger(value));
}

/** A float value in its canonical form. */
export function floatValue(value: number): number | Float {
  return Number.isInteger(value) ? new Float(value) : value;
}

/** An int value in its canonical form. */
export function intValue(value: bigint): number | bigint {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}

/** True for what Python's `isinstance(value, dict)` accepts. */
export function isDict(value: unknown): value is Dict | Record<string, unknown> {
  return isPlainObject(value) || value instanceof Dict;
}

/** Not one of a class: what JSON and literals make. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

export function dictEntries(dict: Dict | Record<string, unknown>): (readonly [unknown, unknown])[] {
  return dict instanceof Dict ? dict.entries() : Object.entries(dict);
}

export function dictHas(dict: Dict | Record<string, unknown>, key: unknown): boolean {
  if (dict instanceof Dict) return dict.has(key);
  if (typeof key === "string") return Object.hasOwn(dict, key);
  hashKey(key);
  return false;
}

/** The value of `key`, or `undefined` when there is none. Only own properties count. */
export function dictGet(dict: Dict | Record<string, unknown>, key: unknown): unknown {
  if (dict instanceof Dict) return dict.get(key);
  if (typeof key === "string") return Object.hasOwn(dict, key) ? dict[key] : undefined;
  hashKey(key);
  return undefined;
}

export function dictSize(dict: Dict | Record<string, unknown>): number {
  return dict instanceof Dict ? dict.size : Object.keys(dict).length;
}

/** As `dictSize(dict) === 0`, without counting. */
export function isEmptyDict(dict: Dict | Record<string, unknown>): boolean {
  if (dict instanceof Dict) return dict.size === 0;
  for (const key in dict) if (Object.hasOwn(dict, key)) return false;
  return true;
}

/** A text that is equal for keys that Python holds equal. Unhashable keys are refused. */
export function hashKey(key: unknown): string {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "number" || typeof key === "bigint") return `n${key}`;
  if (typeof key === "boolean") return key ? "n1" : "n0";
  if (key === null) return "z";
  if (key instanceof Float) return `n${Number.isSafeInteger(key.value) ? key.value : BigInt(key.value)}`;
  if (key instanceof Tuple) return `t${key.items.map((item) => JSON.stringify(hashKey(item))).join()}`;
  if (key instanceof Undefined) defined(key);
  return fail(`unhashable type: '${typeName(key)}'`);
}

/** Python's name of the value's type. */
export function typeName(value: unknown): string {
  if (value === null) return "NoneType";
  switch (typeof value) {
    case "string":
      return "str";
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return Number.isInteger(value) ? "int" : "float";
  }
  if (value instanceof Float) return "float";
  if (Array.isArray(value)) return "list";
  if (value instanceof Tuple) return "tuple";
  if (value instanceof Range) return "range";
  if (value instanceof Stream) return value.kind;
  if (value instanceof Callable) return "function";
  if (value instanceof Namespace) return "Namespace";
  if (value instanceof Undefined) return "Undefined";
  return isDict(value) ? "dict" : "object";
}
