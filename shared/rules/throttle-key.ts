/** What tells the triggers of a throttled rule apart, and what the rule's templates see of its throttle. Pure. */
import { createHash } from "node:crypto";
import { PetrelError } from "../errors.ts";
import { KeyLookup } from "../expressions/datastore-lookup.ts";
import { compileFirst, parsePath } from "../expressions/jsonpath.ts";
import { encodeJson } from "../expressions/python/json-text.ts";
import type { RegexOracle } from "../expressions/regex/answer.ts";
import type { Scope } from "../expressions/run.ts";
import { compileTemplate } from "../expressions/template.ts";
import type { Json } from "../json.ts";
import type { Throttle } from "../model/rule.ts";
import type { Origin } from "../model/trigger.ts";

/** Characters of a key; a longer one is cut, and ends in its hash. */
const longest = 200;
const fieldHeads: ReadonlySet<string> = new Set(["trigger", "origin", "late"]);

/** Throws EXPRESSION_SYNTAX, CRITERIA_KEY, RULE_INVALID. */
export function checkThrottleKey(key: NonNullable<Throttle["key"]>): void {
  if (typeof key === "string") {
    if (key.includes("decrypt_kv")) {
      throw new PetrelError("RULE_INVALID", "a key is shown to everybody, and may open no secret", {
        hint: "remove decrypt_kv",
      });
    }
    compileTemplate(key);
    return;
  }
  for (const field of key) {
    parsePath(field);
    const head = /^[^.[]*/.exec(field)?.[0] ?? "";
    if (!fieldHeads.has(head)) {
      throw new PetrelError("RULE_INVALID", `the field '${field}' finds nothing`, {
        hint: `write 'trigger.${field}', or 'origin.agent'`,
      });
    }
  }
}

/**
 * The key of one trigger, at most 200 characters; different keys stay different. One field is its plain text, several are
 * a JSON list; what a field does not find is null. Throws EXPRESSION_*, CRITERIA_KEY, RegexNeeded.
 */
export function throttleKey({ key }: Pick<Throttle, "key">, scope: Scope, regex: RegexOracle): string {
  if (key === undefined) return "";
  if (typeof key === "string") return bounded(compileTemplate(key).render(scope, regex));
  const values = key.map((field) => {
    const value = compileFirst(field)(scope);
    return value === undefined || value instanceof KeyLookup ? null : value;
  });
  const [only] = values;
  return bounded(values.length === 1 && typeof only === "string" ? only : encodeJson(values));
}

function bounded(text: string): string {
  if (text.length <= longest && text.isWellFormed()) return text;
  const digest = createHash("sha256").update(JSON.stringify(text)).digest("hex").slice(0, 32);
  return `${text.slice(0, longest - digest.length - 2).toWellFormed()}…#${digest}`;
}

/** One trigger that was held back, as `throttle.first` has it. */
export interface ThrottledItem {
  readonly id: string;
  readonly occurrence_time: string;
  readonly trigger: Json;
  readonly origin: Origin;
}

/** `throttle` in the templates of a rule that has one. */
export interface ThrottleView {
  readonly key: string;
  /** How many were held back; 0 when a trigger acts at once. */
  readonly count: number;
  /** The first of them. Not `items`: to a template that is a method of every map. */
  readonly first: readonly ThrottledItem[];
  readonly since: string | null;
  readonly until: string | null;
  /** The command that lists all. */
  readonly query: string | null;
}

/** What a trigger that acts at once sees: nothing was held back. */
export const directThrottle = (key: string): ThrottleView => ({
  key,
  count: 0,
  first: [],
  since: null,
  until: null,
  query: null,
});
