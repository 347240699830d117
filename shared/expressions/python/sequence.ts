/** Python's sequences: length, items, indexing, slicing and walking. Text counts in code points. */
import { toInt } from "./numbers.ts";
import {
  type Dict,
  defined,
  dictEntries,
  dictSize,
  fail,
  isDict,
  isInt,
  Range,
  Stream,
  Tuple,
  typeName,
} from "./values.ts";

const SURROGATE = /[\ud800-\udfff]/;

/** Code points of a text; most texts have no surrogates and are split without looking at pairs. */
export function codePoints(text: string): readonly string[] {
  return SURROGATE.test(text) ? [...text] : text.split("");
}

export function textLength(text: string): number {
  return SURROGATE.test(text) ? [...text].length : text.length;
}

/** `len(value)` */
export function length(value: unknown): number {
  defined(value);
  if (typeof value === "string") return textLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Range) return value.length;
  if (value instanceof Stream && value.kind.startsWith("dict_")) return value.items.length;
  if (isDict(value)) return dictSize(value);
  return fail(`object of type '${typeName(value)}' has no len()`);
}

/** What `for x in value` walks: a dict gives its keys. Longer ranges than the budget are refused by the caller. */
export function iterate(value: unknown): readonly unknown[] {
  defined(value);
  if (Array.isArray(value)) return value;
  if (typeof value === "string") return codePoints(value);
  if (value instanceof Tuple || value instanceof Stream) return value.items;
  if (value instanceof Range) {
    return Array.from({ length: value.length }, (_, i) => value.start + i * value.step);
  }
  if (isDict(value)) return dictEntries(value as Dict).map(([key]) => key);
  return fail(`'${typeName(value)}' object is not iterable`);
}

/** The items of a list, tuple, text or range to index into; `null` for anything else. */
function indexable(value: unknown): readonly unknown[] | null {
  if (Array.isArray(value)) return value;
  if (typeof value === "string") return codePoints(value);
  if (value instanceof Tuple) return value.items;
  return value instanceof Range ? iterate(value) : null;
}

/** `value[index]` of a sequence; `undefined` when out of range or when `value` is no sequence. */
export function itemAt(value: unknown, index: number | bigint): unknown {
  const items = indexable(value);
  if (items === null) return undefined;
  const n = Number(index);
  return items[n < 0 ? items.length + n : n];
}

export interface Slice {
  readonly start: unknown;
  readonly stop: unknown;
  readonly step: unknown;
}

/** `value[start:stop:step]` */
export function slice(value: unknown, bounds: Slice): unknown {
  if (value instanceof Range) return sliceOfRange(value, bounds);
  const items = indexable(defined(value));
  if (items === null) return fail(`'${typeName(value)}' object is not subscriptable`);
  const { start, stop, step } = sliceIndexes(items.length, bounds);
  const picked: unknown[] = [];
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) picked.push(items[i]);
  if (typeof value === "string") return picked.join("");
  return value instanceof Tuple ? new Tuple(picked) : picked;
}

/** A range again, as in Python. */
function sliceOfRange(value: Range, bounds: Slice): Range {
  const { start, stop, step } = sliceIndexes(value.length, bounds);
  const at = (index: number) => value.start + index * value.step;
  return new Range(at(start), at(stop), step * value.step);
}

function bound(value: unknown): number | null {
  if (value === null || value === undefined) return null;
  if (!isInt(value) && typeof value !== "boolean") {
    return fail("slice indices must be integers or None or have an __index__ method");
  }
  return Number(toInt(value));
}

function sliceIndexes(size: number, bounds: Slice): { start: number; stop: number; step: number } {
  const step = bound(bounds.step) ?? 1;
  if (step === 0) return fail("slice step cannot be zero");
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? size : size - 1;
  const clamp = (value: number | null, otherwise: number): number => {
    if (value === null) return otherwise;
    return Math.min(Math.max(value < 0 ? value + size : value, low), high);
  };
  const start = clamp(bound(bounds.start), step > 0 ? low : high);
  const stop = clamp(bound(bounds.stop), step > 0 ? high : low);
  return { start, stop, step };
}
