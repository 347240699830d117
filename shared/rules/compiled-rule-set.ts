/** All rules of one version, compiled and indexed: an immutable value that is swapped in one assignment. */
import { errorReport } from "../errors.ts";
import type { RuleDefinition } from "../model/rule.ts";
import { type CompiledCriterion, compileCriterion } from "./criterion.ts";
import { indexRules, type RuleIndex } from "./rule-index.ts";

export interface CompiledRule {
  readonly rule: RuleDefinition;
  /** Place in the set: rules are enforced in this order. */
  readonly order: number;
  readonly criteria: readonly CompiledCriterion[];
  /** `CODE: text` of a definition that does not compile; such a rule never matches. */
  readonly broken: string | null;
}

export interface CompiledRuleSet {
  readonly version: number;
  /** Enabled rules by trigger type. */
  readonly byTrigger: ReadonlyMap<string, RuleIndex>;
  /** Every rule by its ref, disabled ones too. */
  readonly byRef: ReadonlyMap<string, CompiledRule>;
}

export function compileRule(rule: RuleDefinition, order = 0): CompiledRule {
  try {
    const criteria = Object.entries(rule.criteria).map(([key, criterion]) =>
      compileCriterion(key, criterion),
    );
    return { rule, order, criteria, broken: null };
  } catch (error) {
    const report = errorReport(error);
    return { rule, order, criteria: [], broken: `${report.code}: ${report.message}` };
  }
}

/** Rules that do not compile stay in the set as broken: they are reported for each trigger of their type. */
export function compileRuleSet(version: number, rules: readonly RuleDefinition[]): CompiledRuleSet {
  return ruleSetOf(
    version,
    rules.map((rule) => compileRule(rule)),
  );
}

/** The set of rules that are compiled already: compiling thousands of them takes seconds, this does not. */
export function ruleSetOf(version: number, rules: readonly CompiledRule[]): CompiledRuleSet {
  const compiled = rules.map((rule, order) => ({ ...rule, order }));
  const byTrigger = new Map<string, CompiledRule[]>();
  for (const rule of compiled) {
    if (!rule.rule.enabled) continue;
    const type = rule.rule.trigger.type;
    const same = byTrigger.get(type);
    if (same === undefined) byTrigger.set(type, [rule]);
    else same.push(rule);
  }
  return {
    version,
    byTrigger: new Map([...byTrigger].map(([type, same]) => [type, indexRules(same)])),
    byRef: new Map(compiled.map((rule) => [rule.rule.ref, rule])),
  };
}
