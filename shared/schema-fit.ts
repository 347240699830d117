/**
 * Whether data surely fits a JSON Schema, without ajv: to load it and compile one schema costs some 30 ms of CPU,
 * a quarter of what the watching sensor takes until it hears of changes. A yes is a yes of ajv's; a no only says that ajv is
 * to be asked, which also says what is wrong. Pure.
 */
import { isObject } from "./json.ts";

type Keyword = (wanted: unknown, data: unknown, schema: Record<string, unknown>) => boolean;

const types: ReadonlyMap<unknown, (data: unknown) => boolean> = new Map([
  ["null", (data: unknown) => data === null],
  ["boolean", (data: unknown) => typeof data === "boolean"],
  ["string", (data: unknown) => typeof data === "string"],
  ["integer", Number.isInteger],
  ["number", Number.isFinite],
  ["array", Array.isArray],
  ["object", isObject],
]);

/** Of two objects it would have to be asked whether they are equal. */
const isPlain = (data: unknown) => typeof data !== "object" || data === null;

/** A keyword says nothing of data of another type than its own. */
const ofNumber =
  (holds: (data: number, limit: number) => boolean): Keyword =>
  (limit, data) =>
    typeof data !== "number" || (typeof limit === "number" && holds(data, limit));
/** Counted are characters, not the halves of them. */
const ofText =
  (holds: (length: number, limit: number) => boolean): Keyword =>
  (limit, data) =>
    typeof data !== "string" || (typeof limit === "number" && holds([...data].length, limit));
const ofArray =
  (holds: (data: readonly unknown[], wanted: unknown) => boolean): Keyword =>
  (wanted, data) =>
    !Array.isArray(data) || holds(data, wanted);
const ofObject =
  (
    holds: (data: Record<string, unknown>, wanted: unknown, schema: Record<string, unknown>) => boolean,
  ): Keyword =>
  (wanted, data, schema) =>
    !isObject(data) || holds(data, wanted, schema);

/** Those that are understood; of a schema with another one nothing is sure. */
const keywords: ReadonlyMap<string, Keyword> = new Map([
  [
    "type",
    (wanted, data) =>
      (Array.isArray(wanted) ? wanted : [wanted]).some((type) => types.get(type)?.(data) === true),
  ],
  ["enum", (wanted, data) => isPlain(data) && Array.isArray(wanted) && wanted.includes(data)],
  ["minimum", ofNumber((data, limit) => data >= limit)],
  ["maximum", ofNumber((data, limit) => data <= limit)],
  ["minLength", ofText((length, limit) => length >= limit)],
  ["maxLength", ofText((length, limit) => length <= limit)],
  ["pattern", (wanted, data) => typeof data !== "string" || new RegExp(String(wanted), "u").test(data)],
  ["maxItems", ofArray((data, limit) => data.length <= Number(limit))],
  ["items", ofArray((data, schema) => data.every((item) => surelyFits(schema, item)))],
  [
    "uniqueItems",
    ofArray(
      (data, wanted) => wanted === false || (data.every(isPlain) && new Set(data).size === data.length),
    ),
  ],
  [
    "required",
    ofObject((data, names) => Array.isArray(names) && names.every((name) => Object.hasOwn(data, name))),
  ],
  [
    "properties",
    ofObject(
      (data, schemas) =>
        isObject(schemas) &&
        Object.entries(schemas).every(
          ([name, schema]) => !Object.hasOwn(data, name) || surelyFits(schema, data[name]),
        ),
    ),
  ],
  [
    "additionalProperties",
    ofObject(
      (data, wanted, { properties }) =>
        wanted === false &&
        isObject(properties) &&
        Object.keys(data).every((name) => Object.hasOwn(properties, name)),
    ),
  ],
] satisfies [string, Keyword][]);

/** `data` is JSON. */
export function surelyFits(schema: unknown, data: unknown): boolean {
  return (
    isObject(schema) &&
    Object.entries(schema).every(([name, wanted]) => keywords.get(name)?.(wanted, data, schema) === true)
  );
}
