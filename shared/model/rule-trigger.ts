/** Triggers of types that take parameters: they come to be by rules that name some (st2 docs, Triggers). */
import { isObject, type Json, type JsonObject } from "../json.ts";

/** A trigger type with the parameters that at least one rule gives it. */
export interface RuleTrigger {
  /** Ref of the trigger type. */
  readonly type: string;
  /** Never empty. */
  readonly parameters: JsonObject;
}

/** The same text for the same value, in whatever order its keys were written. */
export function canonicalText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value as JsonObject).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalText(item)}`).join(",")}}`;
}
