/** Secrets that stand in other values: a command line that was rendered with a token says the token. Pure. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import { type Divided, mask, type Path } from "./mask.ts";

/** `divided` with every text that quotes what was taken out of it taken out as well; shown with masks in its place. */
export function withoutQuotes({ shown, taken }: Divided<JsonObject>): Divided<JsonObject> {
  // The longest first: one secret may be part of another.
  const texts = [...new Set(taken.flatMap(([, value]) => leaves(value)))].sort((a, b) => b.length - a.length);
  if (texts.length === 0) return { shown, taken };
  const own = new Set(taken.map(([path]) => JSON.stringify(path)));
  const found: (readonly [Path, Json])[] = [];
  const clean = (value: Json, path: Path): Json => {
    if (Array.isArray(value)) return value.map((item: Json, at) => clean(item, [...path, at]));
    if (isObject(value)) return members(value as JsonObject, path);
    if (typeof value !== "string" || own.has(JSON.stringify(path))) return value;
    const seen = texts.reduce((text, secret) => text.replaceAll(secret, mask), value);
    if (seen !== value) found.push([path, value]);
    return seen;
  };
  const members = (values: JsonObject, path: Path): JsonObject =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, clean(value, [...path, name])]));
  return { shown: members(shown, []), taken: [...taken, ...found] };
}

function leaves(value: Json): readonly string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (typeof value === "number") return [String(value)];
  if (Array.isArray(value)) return value.flatMap((item: Json) => leaves(item));
  return isObject(value) ? Object.values(value as JsonObject).flatMap(leaves) : [];
}
