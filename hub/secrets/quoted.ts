/** Secrets that stand in other values: a command line that was rendered with a token says the token. Pure. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import { finder, type Span } from "./finder.ts";
import { type Divided, mask, mostPlaces, type Path, type Taken } from "./mask.ts";
import { united } from "./united.ts";

/**
 * UTF-16 units of all secrets that are sought, and of all texts they are sought in: some 100 ms at worst. Beyond, and when
 * very many texts quote one, nobody looks on, and every parameter that may quote one is masked whole.
 */
const mostSought = 32 * 1024;
const mostSearched = 512 * 1024;
/** What a text costs, however short. */
const unitsPerText = 8;

/** `divided` with every text that quotes what was taken out of it taken out as well; shown with masks in its place. */
export function withoutQuotes({ shown, taken }: Divided<JsonObject>): Divided<JsonObject> {
  const secrets = new Set<string>();
  for (const [, value] of taken) eachText(value, (text) => secrets.add(text), String);
  secrets.delete("");
  if (secrets.size === 0) return { shown, taken };
  let longest = 0;
  let searched = 0;
  eachText(shown, ({ length }) => {
    longest = Math.max(longest, length);
    searched += length + unitsPerText;
  });
  // What is longer than all of them stands in none: keys and certificates need not be sought in short texts.
  const sought = [...secrets].filter(({ length }) => length <= longest);
  const units = sought.reduce((sum, { length }) => sum + length, 0);
  if (sought.length === 0) return { shown, taken };
  if (units > mostSought || searched > mostSearched) return unsearched({ shown, taken }, sought);
  return replaced({ shown, taken }, finder(sought)) ?? unsearched({ shown, taken }, sought);
}

/** `null` when more quote one than can keep their places. */
function replaced(
  { shown, taken }: Divided<JsonObject>,
  find: (text: string) => readonly Span[],
): Divided<JsonObject> | null {
  const own = new Set(taken.map(([path]) => JSON.stringify(path)));
  const found: (readonly [Path, Json])[] = [];
  const clean = (value: Json, path: Path): Json => {
    if (Array.isArray(value)) return value.map((item: Json, at) => clean(item, [...path, at]));
    if (isObject(value)) return members(value as JsonObject, path);
    if (typeof value !== "string" || found.length > mostPlaces) return value;
    const spans = find(value);
    // A secret's own place shows a mask, which may look as one.
    if (spans.length === 0 || (value === mask && own.has(JSON.stringify(path)))) return value;
    found.push([path, value]);
    return without(value, spans);
  };
  const members = (values: JsonObject, path: Path): JsonObject =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, clean(value, [...path, name])]));
  const seen = members(shown, []);
  if (found.length > mostPlaces) return null;
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
function unsearched(divided: Divided<JsonObject>, sought: readonly string[]): Divided<JsonObject> {
  const { shown, taken } = divided;
  const shortest = sought.reduce((least, { length }) => Math.min(least, length), Number.POSITIVE_INFINITY);
  const suspects = new Set<string>();
  for (const [name, value] of Object.entries(shown))
    eachText(value, ({ length }) => void (length >= shortest && suspects.add(name)));
  const whole = united(divided);
  const masks = [...suspects].map((name) => [name, mask]);
  const wholes = [...suspects].map((name) => [[name], whole[name] ?? null] as const);
  const rest = taken.filter(([[name]]) => !suspects.has(String(name)));
  return { shown: { ...shown, ...Object.fromEntries(masks) }, taken: [...rest, ...wholes] as Taken };
}

/** `ofNumber`: what numbers are as texts; absent: they are left out. */
function eachText(value: Json, visit: (text: string) => void, ofNumber?: (value: number) => string): void {
  if (typeof value === "string") visit(value);
  else if (typeof value === "number" && ofNumber !== undefined) visit(ofNumber(value));
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) eachText(item, visit, ofNumber);
  else if (isObject(value))
    for (const item of Object.values(value as JsonObject)) eachText(item, visit, ofNumber);
}
