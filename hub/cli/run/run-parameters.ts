/** Words of a command line as an action's parameters, read as st2 reads them (st2 docs, Actions). */
import { PetrelError } from "../../../shared/errors.ts";
import { isObject, type Json, type JsonObject } from "../../../shared/json.ts";
import type { ParameterSchemas } from "../../../shared/model/pack.ts";
import { exampleOf, readText, Unreadable } from "./parameter-text.ts";

/** `name=value`, or `@name=path` for a value that stands in a file. A word that only holds a `=` is none. */
const pair = /^(@?)([A-Za-z_][A-Za-z0-9_-]*)=(.*)$/s;

/** What is given more than once adds up, where it can. */
function joined(before: Json | undefined, value: Json): Json {
  if (Array.isArray(before) && Array.isArray(value)) return [...before, ...value];
  if (isObject(before) && isObject(value)) return { ...(before as JsonObject), ...(value as JsonObject) };
  return value;
}

/** The value itself is not told where it may be a secret. */
function refusalOf(name: string, text: string, schemas: ParameterSchemas, { message }: Unreadable): string {
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  const given = schema?.secret === true ? "what is given" : `'${text.slice(0, 80)}'`;
  return `${name} must be ${message}, not ${given}: write for example ${exampleOf(name, schema)}`;
}

/**
 * `name=value` words first; from the first other word on, the rest is one command line, the parameter `cmd`.
 * An array or an object may be given piecewise. Throws PARAMETER_INVALID that names every word that cannot be read.
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
      const value = at === "@" ? readFile(text) : readText(text, schema);
      values.set(name, joined(values.get(name), value));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      wrong.push(refusalOf(name, text, schemas, error));
    }
  }
  if (wrong.length > 0) {
    throw new PetrelError("PARAMETER_INVALID", wrong.join("; "), {
      hint: "`petrel run REF --help` shows what an action takes",
    });
  }
  return Object.fromEntries(values);
}
