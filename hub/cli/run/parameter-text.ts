/** One word's text as a value of the type that its parameter wants, read as st2 and the hub read it. Pure. */
import { isPetrelError } from "../../../shared/errors.ts";
import { plainJson } from "../../../shared/expressions/python/json-text.ts";
import { isObject, type Json } from "../../../shared/json.ts";
import type { ParameterSchema } from "../../../shared/model/pack.ts";
import { castValue } from "../../../shared/parameters/casts.ts";

/** What a text could not be read as; the message says what is wanted. */
export class Unreadable extends Error {}

type Schema = ParameterSchema | undefined;

function typesOf(schema: Schema): readonly string[] {
  const type = schema?.type;
  return type === undefined ? [] : typeof type === "string" ? [type] : type;
}

const firstType = (schema: Schema) => typesOf(schema).find((type) => type !== "null");

/** As the hub casts it: what is refused here is refused there, and the other way round. */
function cast(text: string, type: string): Json | undefined {
  try {
    return plainJson(castValue("", text, type)) as Json;
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    return undefined;
  }
}

/** `true` and `false` in any case, as there: `yes` and `1` are none. */
function readBoolean(text: string): Json {
  const value = cast(text, "boolean");
  if (typeof value === "boolean" || value === null) return value;
  throw new Unreadable("a boolean (true or false)");
}

function readInteger(text: string): Json {
  const value = cast(text, "integer");
  if (Number.isSafeInteger(value)) return value as number;
  throw new Unreadable("an integer");
}

function readNumber(text: string): Json {
  const value = cast(text, "number");
  // JSON has no `inf` and no `nan`.
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new Unreadable("a number");
}

const isItemOfObjects = (schema: Schema) =>
  firstType(schema) === "object" || (typesOf(schema).length === 0 && schema?.properties !== undefined);

/** JSON or a Python literal, or items with commas between; one of objects is `key:value,key:value`, one object a word. */
function readArray(text: string, schema: Schema): Json {
  if (text.trimStart().startsWith("[")) {
    const value = cast(text, "array");
    if (Array.isArray(value)) return value as Json;
    throw new Unreadable("an array (a,b,c or JSON)");
  }
  if (text.trim() === "") return [];
  const each = "an array, each item of it";
  if (isItemOfObjects(schema?.items)) return [within(each, () => readObject(text, schema?.items))];
  return text.split(",").map((item) => within(each, () => readText(item.trim(), schema?.items)));
}

/** Says of what is unreadable where it stands. */
function within(where: string, reading: () => Json): Json {
  try {
    return reading();
  } catch (error) {
    throw error instanceof Unreadable ? new Unreadable(`${where} ${error.message}`) : error;
  }
}

/** JSON or a Python literal, or `key=value,key:value`. */
function readObject(text: string, schema: Schema): Json {
  if (text.trimStart().startsWith("{")) {
    const value = cast(text, "object");
    if (isObject(value)) return value as Json;
    throw new Unreadable("an object (a=1,b=2 or JSON)");
  }
  if (text.trim() === "") return {};
  const entries = text.split(",").map((item): [string, Json] => {
    const [, name, value] = /^\s*([^=:\s]+)\s*[=:](.*)$/s.exec(item) ?? [];
    if (name === undefined || value === undefined) throw new Unreadable("an object (a=1,b=2 or JSON)");
    const properties = schema?.properties ?? {};
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return [name, within(`an object, its ${name}`, () => readText(value.trim(), own))];
  });
  return Object.fromEntries(entries);
}

const readers: Readonly<Record<string, (text: string, schema: Schema) => Json>> = {
  boolean: readBoolean,
  integer: readInteger,
  number: readNumber,
  array: readArray,
  object: readObject,
};

/** A template is for the hub to judge, whatever it will become; a type nobody names is for the hub to cast. */
export function readText(text: string, schema: Schema): Json {
  const types = typesOf(schema);
  if (types.length === 0 || types.includes("string") || text.includes("{{")) return text;
  if (types.includes("null") && text === "null") return null;
  const reader = readers[firstType(schema) ?? ""];
  return reader === undefined ? text : reader(text, schema);
}

/** Numbers that are in their type's usual spelling, for examples. */
const samples: Readonly<Record<string, string>> = {
  boolean: "true",
  integer: "3",
  number: "1.5",
  string: "text",
};

const listSamples: Readonly<Record<string, string>> = {
  boolean: "true,false",
  integer: "1,2",
  number: "1.5,2",
};

/** An item inside an array or an object, in short form. */
const sampleItem = (schema: Schema, fallback: string) => samples[firstType(schema) ?? ""] ?? fallback;

function sampleObject(schema: Schema, between: string): string {
  const properties = Object.entries(schema?.properties ?? {}).slice(0, 2);
  if (properties.length === 0) return `a${between}1,b${between}2`;
  return properties.map(([name, inner]) => `${name}${between}${sampleItem(inner, "value")}`).join(",");
}

/** `count=3`: how a value of this parameter may be written. */
export function exampleOf(name: string, schema: Schema): string {
  const [value] = schema?.enum ?? [];
  if (value !== undefined && value !== null && !isObject(value) && !Array.isArray(value))
    return `${name}=${value}`;
  switch (firstType(schema)) {
    case "array":
      if (isItemOfObjects(schema?.items)) return `${name}=${sampleObject(schema?.items, ":")}`;
      return `${name}=${listSamples[firstType(schema?.items) ?? ""] ?? "a,b"}`;
    case "object":
      return `${name}=${sampleObject(schema, "=")}`;
    default:
      return `${name}=${sampleItem(schema, "text")}`;
  }
}
