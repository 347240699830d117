/** `throttle`: how often a rule acts. */
import { isPetrelError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { Throttle } from "../model/rule.ts";
import { checkThrottleKey } from "../rules/throttle-key.ts";
import { spanMs } from "../time-span.ts";
import { checkFields, compileFields, shown, withoutEmpty } from "./fields.ts";
import type { Metadata } from "./pack-file.ts";
import { refuseRule } from "./parse-target.ts";

/** Seconds: a week. */
const longest = 604_800;
const everyHint = "write seconds, or 30s, 5m, 1h, 1d: a second at least, a week at most";

const checkThrottle = compileFields({
  type: "object",
  required: ["every"],
  additionalProperties: false,
  properties: {
    key: {
      type: ["string", "array"],
      items: { type: "string", minLength: 1, fix: "write a field such as origin.agent" },
      minItems: 1,
      maxItems: 10,
      fix: 'write a template such as "{{ trigger.path }}", or up to ten fields: [origin.agent, trigger.path]',
    },
    every: { type: ["number", "string"], fix: everyHint },
    max: {
      type: "integer",
      minimum: 0,
      maximum: 10_000,
      fix: "write how many act at once in each window: 0 to 10000",
    },
    collect: {
      type: "integer",
      minimum: 0,
      maximum: 100,
      fix: "write how many triggers a digest carries: 0 to 100",
    },
  },
});

/** `undefined` when the rule has none; `null` after reporting RULE_INVALID. */
export function readThrottle(metadata: Metadata, throttle: Json | undefined): Throttle | undefined | null {
  if (throttle === undefined) return undefined;
  const base = ["throttle"];
  if (!checkFields(checkThrottle, metadata, { code: "RULE_INVALID", base, value: throttle })) return null;
  const fields = withoutEmpty(throttle) as Readonly<Record<string, Json>>;
  const every = typeof fields.every === "number" ? fields.every : (spanMs(String(fields.every)) ?? 0) / 1000;
  let ok = every >= 1 && every <= longest;
  if (!ok) {
    refuseRule(metadata, [...base, "every"], `'every' may not be ${shown(fields.every)}`, everyHint);
  }
  const key = fields.key as Throttle["key"];
  if (key !== undefined) ok = keyIsWell(metadata, key) && ok;
  if (!ok) return null;
  return {
    ...(key !== undefined && { key }),
    every,
    max: (fields.max as number | undefined) ?? 1,
    collect: (fields.collect as number | undefined) ?? 20,
  };
}

function keyIsWell(metadata: Metadata, key: NonNullable<Throttle["key"]>): boolean {
  try {
    checkThrottleKey(key);
    return true;
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    const hint = error.hint ?? "change the key";
    metadata.report({
      code: error.code,
      severity: "error",
      message: error.message,
      where: metadata.at(["throttle", "key"]),
      hint,
    });
    return false;
  }
}
