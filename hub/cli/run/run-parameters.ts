/** Words of a command line as an action's parameters, read as st2 reads them (st2 docs, Actions). */
import { PetrelError } from "../../../shared/errors.ts";
import { isObject, type Json, type JsonObject } from "../../../shared/json.ts";
import type { ParameterSchema, ParameterSchemas } from "../../../shared/model/pack.ts";

/** `name=value`, or `@name=path` for a value that stands in a file. A word that only holds a `=` is none. */
const pair = /^(@?)([A-Za-z_][A-Za-z0-9_-]*)=(.*)$/s;

/** What a word could not be read as. */
class Unreadable extends Error {}

function typesOf(schema: ParameterSchema | undefined): readonly string[] {
  const type = schema?.type;
  return type === undefined ? [] : typeof type === "string" ? [type] : type;
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function readBoolean(text: string): boolean {
  if (/^(true|yes|1)$/i.test(text)) return true;
  if (/^(false|no|0)$/i.test(text)) return false;
  throw new Unreadable("a boolean (true or false)");
}

function readInteger(text: string): number {
  const value = Number(text);
  if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new Unreadable("an integer");
}

function readNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new Unreadable("a number");
}

function readArray(text: string, schema: ParameterSchema | undefined): Json {
  if (text.trimStart().startsWith("[")) {
    const value = parsed(text);
    if (Array.isArray(value)) return value as Json;
    throw new Unreadable("an array (a,b,c or JSON)");
  }
  return text === "" ? [] : text.split(",").map((item) => read(item.trim(), schema?.items));
}

function readObject(text: string, schema: ParameterSchema | undefined): Json {
  if (text.trimStart().startsWith("{")) {
    const value = parsed(text);
    if (isObject(value)) return value as Json;
    throw new Unreadable("an object (a=1,b=2 or JSON)");
  }
  const entries = text.split(",").map((item): [string, Json] => {
    const [, name, value] = /^\s*([^=:\s]+)\s*[=:](.*)$/s.exec(item) ?? [];
    if (name === undefined || value === undefined) throw new Unreadable("an object (a=1,b=2 or JSON)");
    return [name, read(value.trim(), schema?.properties?.[name])];
  });
  return Object.fromEntries(entries);
}

const readers: Readonly<Record<string, (text: string, schema: ParameterSchema | undefined) => Json>> = {
  boolean: readBoolean,
  integer: readInteger,
  number: readNumber,
  array: readArray,
  object: readObject,
};

/** A template is for the hub to render, whatever it will become; a type nobody names is for the hub to cast. */
function read(text: string, schema: ParameterSchema | undefined): Json {
  const types = typesOf(schema);
  if (types.length === 0 || types.includes("string") || text.includes("{{")) return text;
  if (types.includes("null") && text === "null") return null;
  const [first = ""] = types.filter((type) => type !== "null");
  return readers[first]?.(text, schema) ?? text;
}

function joined(before: Json | undefined, value: Json): Json {
  return Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
}

/**
 * `name=value` words first; from the first other word on, the rest is one command line, the parameter `cmd`.
 * An array may be given piecewise. Throws PARAMETER_INVALID that names every word that cannot be read.
 */
export function runParameters(
  words: readonly string[],
  schemas: ParameterSchemas,
  readFile: (path: string) => string,
): JsonObject {
  const values = new Map<string, Json>();
  const wrong: string[] = [];
  for (const [i, word] of words.entries()) {
    const [, at, name, text] = pair.exec(word) ?? [];
    if (name === undefined || text === undefined) {
      values.set("cmd", words.slice(i).join(" "));
      break;
    }
    try {
      const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
      const value = at === "@" ? readFile(text) : read(text, schema);
      values.set(name, joined(values.get(name), value));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      wrong.push(`${name} must be ${error.message}, not '${text.slice(0, 80)}'`);
    }
  }
  if (wrong.length > 0) {
    throw new PetrelError("PARAMETER_INVALID", wrong.join("; "), {
      hint: "`petrel action get REF` shows what an action takes",
    });
  }
  return Object.fromEntries(values);
}
