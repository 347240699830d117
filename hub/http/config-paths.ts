/** Sets single attributes of a configuration by their dotted paths. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";

function setPath(config: JsonObject, [name = "", ...rest]: readonly string[], value: Json): JsonObject {
  const before = Object.hasOwn(config, name) ? config[name] : undefined;
  const inner = isObject(before) ? (before as JsonObject) : {};
  const after = rest.length === 0 ? value : setPath(inner, rest, value);
  // Entries, not assignment: a name such as `__proto__` is a name like any other.
  const others = Object.entries(config).filter(([key]) => key !== name);
  return Object.fromEntries(after === null && rest.length === 0 ? others : [...others, [name, after]]);
}

/** A copy of `config` with each dotted path of `changes` set to its value; `null` removes the attribute. */
export function setPaths(config: JsonObject, changes: JsonObject): JsonObject {
  let result = config;
  for (const [path, value] of Object.entries(changes)) result = setPath(result, path.split("."), value);
  return result;
}
