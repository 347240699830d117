/** Which rules a trigger fires, and why (st2 docs, Rules). Pure: time, keys and slow patterns come as arguments. */
import { isDeepStrictEqual } from "node:util";
import { datastoreContext, type TemplateKeys } from "../expressions/datastore-lookup.ts";
import { truth } from "../expressions/python/compare.ts";
import { RegexNeeded, type RegexOracle, type RegexRequest } from "../expressions/regex/answer.ts";
import type { Scope } from "../expressions/run.ts";
import type { JsonObject } from "../json.ts";
import { isPartOfBurst } from "../model/file-change.ts";
import type { Origin } from "../model/trigger.ts";
import type { CompiledRule, CompiledRuleSet } from "./compiled-rule-set.ts";
import { failure, type Verdict } from "./criterion.ts";
import { candidatesIn, type FiledRule, Looks } from "./rule-index.ts";

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

const nowhere: Origin = { agent: null, host: null, labels: {} };
/** Places in a datastore are the same for all triggers; what is there is read when it is asked for. */
const datastores = new WeakMap<TemplateKeys, ReturnType<typeof datastoreContext>>();

/** The names that criteria and action parameters see of a trigger. */
export function triggerScope(trigger: TriggerView, keys: TemplateKeys): Scope {
  const { agent, host, labels } = trigger.origin ?? nowhere;
  let st2kv = datastores.get(keys);
  if (st2kv === undefined) {
    st2kv = datastoreContext(keys);
    datastores.set(keys, st2kv);
  }
  return {
    trigger: trigger.payload,
    origin: { agent, host, labels },
    late: trigger.late,
    system: st2kv.system,
    st2kv,
  };
}

const noHits: MatchResult = { done: true, hits: [] };

/**
 * Changes of files that are part of a burst are only for rules that ask for each of them. Standard rules first; backstop
 * rules only when no standard rule matched. Rules that cleanly do not match leave nothing. Hits come in the order of the
 * rule set.
 */
export function matchTrigger(
  set: CompiledRuleSet,
  trigger: TriggerView,
  environment: RuleEnvironment,
): MatchResult {
  const index = set.byTrigger.get(trigger.trigger);
  if (index === undefined) return noHits;
  const looks = new Looks(triggerScope(trigger, environment.keys), index);
  try {
    const candidates = candidatesIn(index, looks, environment);
    if (candidates.length === 0) return noHits;
    const standard = judgeAll(candidates, false, trigger, looks, environment);
    if (standard.some((hit) => hit.error === null)) return { done: true, hits: standard };
    const backstops = judgeAll(candidates, true, trigger, looks, environment);
    return { done: true, hits: standard.length === 0 ? backstops : [...standard, ...backstops] };
  } catch (error) {
    return asked(error);
  }
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
    return asked(error);
  }
}

function asked(error: unknown): Needs {
  if (error instanceof RegexNeeded) return { done: false, needs: error.request };
  throw error;
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

/** Those of one type that match or cannot be judged. */
function judgeAll(
  candidates: readonly FiledRule[],
  backstops: boolean,
  trigger: TriggerView,
  looks: Looks,
  environment: RuleEnvironment,
): readonly Hit[] {
  let hits: Hit[] | null = null;
  const isOfBurst = isPartOfBurst(trigger.trigger, trigger.payload);
  for (const candidate of candidates) {
    const { compiled, isBackstop } = candidate;
    if (isBackstop !== backstops) continue;
    // A broken rule is left out too: it would fail for every file of the storm.
    if (isOfBurst && compiled.rule.bursts !== "each") continue;
    const outcome = judge(candidate, trigger, looks, environment);
    if (outcome === false) continue;
    const hit = { rule: compiled, error: outcome === true ? null : outcome };
    if (hits === null) hits = [hit];
    else hits.push(hit);
  }
  return hits ?? [];
}

/** Whether the rule matches, or `CODE: text` why it could not be judged. */
function judge(
  { compiled, broken, needsPayload, steps, origins }: FiledRule,
  trigger: TriggerView,
  looks: Looks,
  environment: RuleEnvironment,
): boolean | string {
  if (broken !== null) return broken;
  if (trigger.parameters !== undefined && isAnother(compiled, trigger)) return false;
  if (origins !== null && isElsewhere(compiled, trigger)) return false;
  if (needsPayload && !truth(trigger.payload)) return false;
  try {
    for (const { slot, compare, criterion } of steps) {
      if (compare === null) {
        const { result, error } = criterion.judge(looks.scope, environment);
        if (result !== true) return error ?? false;
      } else if (!compare(looks.at(slot), environment)) return false;
    }
    return true;
  } catch (error) {
    return failure(error);
  }
}
