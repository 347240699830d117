/** Secrets that stand in other values: a command line that was rendered with a token says the token. Pure. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import { finder, type Span } from "./finder.ts";
import { type Divided, mask, type Path, type Taken } from "./mask.ts";
import { united } from "./united.ts";

/**
 * UTF-16 units of all secrets that are sought, and of all texts they are sought in: some 100 ms at worst. Beyond, no one
 * looks, and every parameter that may quote one is masked whole.
 */
const mostSought = 32 * 1024;
const mostSearched = 2 * 1024 * 1024;

/** `divided` with every text that quotes what was taken out of it taken out as well; shown with masks in its place. */
export function withoutQuotes({ shown, taken }: Divided<JsonObject>): Divided<JsonObject> {
  const secrets = new Set(taken.flatMap(([, value]) => leaves(value)));
  if (secrets.size === 0) return { shown, taken };
  const own = new Set(taken.map(([path]) => JSON.stringify(path)));
  let longest = 0;
  let searched = 0;
  walk(shown, [], own, (text) => {
    longest = Math.max(longest, text.length);
    searched += text.length;
    return text;
  });
  // What is longer than all of them stands in none: keys and certificates need not be sought in short texts.
  const sought = [...secrets].filter(({ length }) => length <= longest);
  if (sought.length === 0) return { shown, taken };
  const units = sought.reduce((sum, { length }) => sum + length, 0);
  if (units > mostSought || searched > mostSearched) return unsearched({ shown, taken }, own, sought);
  const find = finder(sought);
  const found: (readonly [Path, Json])[] = [];
  const seen = walk(shown, [], own, (text, path) => {
    const spans = find(text);
    if (spans.length === 0) return text;
    found.push([path, text]);
    return without(text, spans);
  }) as JsonObject;
  return found.length === 0 ? { shown, taken } : { shown: seen, taken: [...taken, ...found] };
}

function without(text: string, spans: readonly Span[]): string {
  let from = 0;
  let seen = "";
  for (const [start, end] of spans) {
    seen += text.slice(from, start) + mask;
    from = end;
  }
  return seen + text.slice(from);
}

/** Parameters with a text that is long enough for one of `sought` are taken out whole. */
function unsearched(
  divided: Divided<JsonObject>,
  own: ReadonlySet<string>,
  sought: readonly string[],
): Divided<JsonObject> {
  const shortest = sought.reduce((least, { length }) => Math.min(least, length), Number.POSITIVE_INFINITY);
  const suspects = Object.keys(divided.shown).filter((name) => {
    let isSuspect = false;
    walk(divided.shown[name] ?? null, [name], own, (text) => {
      isSuspect ||= text.length >= shortest;
      return text;
    });
    return isSuspect;
  });
  const all = united(divided);
  const masks = suspects.map((name) => [name, mask]);
  const isSuspect = new Set(suspects);
  const wholes = suspects.map((name) => [[name], all[name] ?? null] as const);
  const rest = divided.taken.filter(([[name]]) => !isSuspect.has(String(name)));
  return { shown: { ...divided.shown, ...Object.fromEntries(masks) }, taken: [...rest, ...wholes] as Taken };
}

/** `value` with each text but those at `own` paths replaced by what `change` makes of it. */
function walk(
  value: Json,
  path: Path,
  own: ReadonlySet<string>,
  change: (text: string, path: Path) => string,
): Json {
  if (Array.isArray(value)) return value.map((item: Json, at) => walk(item, [...path, at], own, change));
  if (isObject(value)) {
    const entries = Object.entries(value as JsonObject).map(([name, item]): [string, Json] => [
      name,
      walk(item, [...path, name], own, change),
    ]);
    return Object.fromEntries(entries);
  }
  return typeof value !== "string" || own.has(JSON.stringify(path)) ? value : change(value, path);
}

function leaves(value: Json): readonly string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (typeof value === "number") return [String(value)];
  if (Array.isArray(value)) return value.flatMap((item: Json) => leaves(item));
  return isObject(value) ? Object.values(value as JsonObject).flatMap(leaves) : [];
}
