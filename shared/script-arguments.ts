/** How parameters become the words of a command line (st2 docs, Actions). */
import type { Json, JsonObject } from "./json.ts";

/** One word for any POSIX shell, whatever it holds. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** st2 docs, Actions, positional parameters: booleans are 1 and 0, arrays are comma-joined, objects JSON. */
function positionalText(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "boolean") return value ? "1" : "0";
  if (Array.isArray(value)) return value.map(positionalText).join(",");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** `null` when the argument is left out: null, the empty string and false are not passed. */
function namedText(prefix: string, name: string, value: Json): string | null {
  if (value === null || value === "" || value === false) return null;
  if (value === true) return `${prefix}${name}`;
  return `${prefix}${name}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`;
}

/**
 * A script's arguments: named ones first, then positional ones by their position. Trailing positional values
 * that are empty still take their place.
 */
export function scriptArguments(
  parameters: JsonObject,
  positional: readonly string[],
  kwargPrefix: string,
): readonly string[] {
  const named = Object.entries(parameters)
    .filter(([name]) => !positional.includes(name))
    .map(([name, value]) => namedText(kwargPrefix, name, value))
    .filter((text) => text !== null);
  return [...named, ...positional.map((name) => positionalText(parameters[name]))];
}
