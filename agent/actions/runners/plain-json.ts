/** Makes JSON of whatever an action returned, and says when that took more than copying. */
import type { Json } from "../../../shared/json.ts";
import { maxNesting } from "../../../shared/wire/plain-json.ts";

export interface PlainResult {
  readonly value: Json;
  /** True when the value held something JSON lacks (a set, bytes, a huge integer, a cycle …). */
  readonly converted: boolean;
}

/**
 * Sets become lists, maps objects, bytes and huge integers text; `undefined` is null, or left out of objects.
 * Throws RangeError when it is nested deeper than a result may be.
 */
export function plainJson(input: unknown): PlainResult {
  let converted = false;
  const mark = (value: Json): Json => {
    converted = true;
    return value;
  };
  const plain = (value: unknown, above: readonly object[]): Json => {
    if (value === null || value === undefined) return null;
    if (typeof value === "boolean" || typeof value === "string") return value;
    if (typeof value === "number") return Number.isFinite(value) ? value : mark(String(value));
    if (typeof value !== "object") return mark(String(value));
    if (above.includes(value)) return mark("[circular]");
    if (above.length >= maxNesting)
      throw new RangeError(`the result is nested more than ${maxNesting} levels`);
    const path = [...above, value];
    if (Array.isArray(value)) return value.map((item) => plain(item, path));
    if (value instanceof Set) return mark([...value].map((item) => plain(item, path)));
    if (value instanceof Map)
      return mark(Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item, path)])));
    if (value instanceof Uint8Array) return mark(new TextDecoder().decode(value));
    if (value instanceof Error) return mark(`${value.name}: ${value.message}`);
    if ("toJSON" in value && typeof value.toJSON === "function") return plain(value.toJSON(), path);
    const fields = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(fields.map(([name, item]) => [name, plain(item, path)]));
  };
  return { value: plain(input, []), converted };
}
