/** Which rules a trigger fires, and why (st2 docs, Rules). Pure: time, keys and slow patterns come as arguments. */
import { isDeepStrictEqual } from "node:util";
import { datastoreContext, type TemplateKeys } from "../expressions/datastore-lookup.ts";
import { compilePath } from "../expressions/jsonpath.ts";
import { truth } from "../expressions/python/compare.ts";
import { hashKey } from "../expressions/python/values.ts";
import { RegexNeeded, type RegexOracle, type RegexRequest } from "../expressions/regex/answer.ts";
import type { Scope } from "../expressions/run.ts";
import type { JsonObject } from "../json.ts";
import { isPartOfBurst } from "../model/file-change.ts";
import type { Origin } from "../model/trigger.ts";
import type { CompiledRule, CompiledRuleSet } from "./compiled-rule-set.ts";
import type { Verdict } from "./criterion.ts";

/** What of a trigger instance rules see. */
export interface TriggerView {
  /** Ref of the trigger type. */
  readonly trigger: string;
  /** Of the trigger, when its sensor says which one of its type it is. */
  readonly parameters?: JsonObject;
  readonly payload: unknown;
  readonly origin: Origin | null;
  readonly late: boolean;
}

export interface RuleEnvironment {
  /** Milliseconds since the epoch, for `timediff`. */
  readonly now: number;
  readonly keys: TemplateKeys;
  readonly regex: RegexOracle;
}

/** The rule matched (`error` null), or could not be judged. */
export interface Hit {
  readonly rule: CompiledRule;
  /** `CODE: text`: becomes the reason of a failed enforcement. */
  readonly error: string | null;
}

/** Ask the slow engine, put the answer where `regex` finds it, and evaluate again. */
export interface Needs {
  readonly done: false;
  readonly needs: RegexRequest;
}

export type MatchResult = { readonly done: true; readonly hits: readonly Hit[] } | Needs;

export interface Explanation {
  readonly matched: boolean;
  /** Why it does not count whatever the criteria say; absent when it does count. */
  readonly skipped?: string;
  /** Of the first criterion that does not hold, if that one could not be judged; else null. */
  readonly error: string | null;
  /** Every criterion in the order of the file, also those after the first that does not hold. */
  readonly criteria: readonly (Verdict & { readonly key: string; readonly operator: string })[];
}

export type ExplainResult = { readonly done: true; readonly explanation: Explanation } | Needs;

/** The names that criteria and action parameters see of a trigger. */
export function triggerScope(trigger: TriggerView, keys: TemplateKeys): Scope {
  const { agent, host, labels } = trigger.origin ?? { agent: null, host: null, labels: {} };
  const st2kv = datastoreContext(keys);
  return {
    trigger: trigger.payload,
    origin: { agent, host, labels },
    late: trigger.late,
    system: st2kv.system,
    st2kv,
  };
}

/**
 * Changes of files that are part of a burst are only for rules that ask for each of them. Standard rules first; backstop rules only when no standard rule matched. Rules that cleanly do not match leave
 * nothing. Hits come in the order of the rule set.
 */
export function matchTrigger(
  set: CompiledRuleSet,
  trigger: TriggerView,
  environment: RuleEnvironment,
): MatchResult {
  return answering(() => {
    const found = candidatesFor(set, trigger);
    // A broken rule is left out too: it would fail for every file of the storm.
    const isOfBurst = isPartOfBurst(trigger.trigger, trigger.payload);
    const candidates = isOfBurst ? found.filter(({ rule }) => rule.bursts === "each") : found;
    if (candidates.length === 0) return { done: true, hits: [] };
    const scope = triggerScope(trigger, environment.keys);
    const judgeAll = (type: "standard" | "backstop"): Hit[] =>
      candidates
        .filter(({ rule }) => rule.type === type)
        .flatMap((rule) => judge(rule, trigger, scope, environment));
    const standard = judgeAll("standard");
    const matched = standard.some((hit) => hit.error === null);
    return { done: true, hits: matched ? standard : [...standard, ...judgeAll("backstop")] };
  });
}

/** Judges one rule alone, whether enabled or not, and says what each criterion found. */
export function explain(
  rule: CompiledRule,
  trigger: TriggerView,
  environment: RuleEnvironment,
): ExplainResult {
  return explainIn(rule, trigger, triggerScope(trigger, environment.keys), environment);
}

/** As `explain`, in a `triggerScope` that many rules share: making one costs more than most criteria. */
export function explainIn(
  rule: CompiledRule,
  trigger: TriggerView,
  scope: Scope,
  environment: RuleEnvironment,
): ExplainResult {
  if (rule.broken !== null) {
    return { done: true, explanation: { matched: false, error: rule.broken, criteria: [] } };
  }
  return answering(() => {
    const criteria = rule.criteria.map((criterion) => {
      const { value, pattern, result, error } = criterion.judge(scope, environment);
      return { key: criterion.key, operator: criterion.operator, value, pattern, result, error };
    });
    const first = criteria.find((criterion) => criterion.result !== true);
    const skipped =
      rule.rule.bursts !== "each" && isPartOfBurst(trigger.trigger, trigger.payload)
        ? "part of a burst"
        : isAnother(rule, trigger)
          ? "the trigger has other parameters"
          : isElsewhere(rule, trigger)
            ? "its agent is none of the rule's origins"
            : null;
    const possible = skipped === null && mayMatch(rule, trigger);
    return {
      done: true,
      explanation: {
        matched: possible && first === undefined,
        ...(skipped !== null && { skipped }),
        error: possible ? (first?.error ?? null) : null,
        criteria,
      },
    };
  });
}

function answering<T>(body: () => T): T | Needs {
  try {
    return body();
  } catch (error) {
    if (error instanceof RegexNeeded) return { done: false, needs: error.request };
    throw error;
  }
}

/** Of the type that the rule waits for, and not the one trigger of it. A sensor that names none speaks of all. */
function isAnother({ rule }: Pick<CompiledRule, "rule">, { parameters }: TriggerView): boolean {
  return parameters !== undefined && !isDeepStrictEqual(rule.trigger.parameters, parameters);
}

/** From an agent without the labels that the rule wants. */
function isElsewhere({ rule }: Pick<CompiledRule, "rule">, { origin }: TriggerView): boolean {
  const labels = origin?.labels ?? {};
  return Object.entries(rule.origins ?? {}).some(
    ([name, value]) => !Object.hasOwn(labels, name) || labels[name] !== value,
  );
}

/** Before any criterion: the trigger's parameters and origin, and a payload if there are criteria. */
function mayMatch({ rule, criteria }: CompiledRule, trigger: TriggerView): boolean {
  if (isAnother({ rule }, trigger) || isElsewhere({ rule }, trigger)) return false;
  return criteria.length === 0 || truth(trigger.payload);
}

function judge(rule: CompiledRule, trigger: TriggerView, scope: Scope, environment: RuleEnvironment): Hit[] {
  if (rule.broken !== null) return [{ rule, error: rule.broken }];
  if (!mayMatch(rule, trigger)) return [];
  for (const criterion of rule.criteria) {
    const { result, error } = criterion.judge(scope, environment);
    if (result === true) continue;
    return error === null ? [] : [{ rule, error }];
  }
  return [{ rule, error: null }];
}

/** Enabled rules of the type whose filed value, if any, is the trigger's. */
function candidatesFor(set: CompiledRuleSet, trigger: TriggerView): readonly CompiledRule[] {
  const index = set.byTrigger.get(trigger.trigger);
  if (index === undefined) return [];
  if (index.byValue.size === 0) return index.always;
  const found = [...index.always];
  const root = { trigger: trigger.payload, origin: trigger.origin, late: trigger.late };
  for (const [path, values] of index.byValue) {
    const [value] = compilePath(path)(root);
    const key = indexKey(value);
    if (key !== null) found.push(...(values.get(key) ?? []));
  }
  return found.toSorted((a, b) => a.order - b.order);
}

function indexKey(value: unknown): string | null {
  const scalar = value !== undefined && value !== null && (typeof value !== "object" || "toJSON" in value);
  return scalar && !isCompound(value) ? hashKey(value) : null;
}

function isCompound(value: unknown): boolean {
  return typeof value === "object" && value !== null && !("value" in value);
}
