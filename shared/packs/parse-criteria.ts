/** The criteria of a rule (st2 docs, Rules: criteria comparison). */
import type { Json } from "../json.ts";
import type { Criterion, RuleDefinition } from "../model/rule.ts";
import { checkFields, compileFields, withoutEmpty } from "./fields.ts";
import type { Metadata } from "./pack-file.ts";
import { refuseRule } from "./parse-target.ts";

const text = { type: "string" };

const checkCriterion = compileFields({
  type: "object",
  required: ["type"],
  additionalProperties: false,
  properties: { type: text, pattern: {}, condition: text },
});

/** Compare nothing, so that they need no pattern (StackStorm wants a dummy one). */
const patternless = new Set(["exists", "nexists"]);

type Fields = Readonly<Record<string, Json>>;

/** The criteria that are well formed, in file order; `ok` is false after reporting what is wrong with others. */
export function readCriteria(
  metadata: Metadata,
  criteria: Fields,
): { readonly ok: boolean; readonly read: RuleDefinition["criteria"] } {
  let ok = true;
  const read: [string, Criterion][] = [];
  for (const [key, value] of Object.entries(criteria)) {
    const base = ["criteria", key];
    const options = { code: "RULE_INVALID", base, value, unknown: "warning" } as const;
    if (!checkFields(checkCriterion, metadata, options)) {
      ok = false;
      continue;
    }
    const { type, pattern = null, condition } = withoutEmpty(value) as Fields;
    if (pattern === null && !patternless.has(String(type))) {
      const hint = "add 'pattern: …', or use 'exists' or 'nexists'";
      ok = refuseRule(metadata, base, `the criterion '${key}' has no pattern`, hint);
      continue;
    }
    const criterion = { type: String(type), pattern };
    read.push([key, condition === undefined ? criterion : { ...criterion, condition: String(condition) }]);
  }
  // fromEntries, since a key is the author's text and might be "__proto__".
  return { ok, read: Object.fromEntries(read) };
}
