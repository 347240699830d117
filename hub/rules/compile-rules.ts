/** From the rules on disk to those that judge. */
import {
  type CompiledRule,
  type CompiledRuleSet,
  compileRule,
  ruleSetOf,
} from "../../shared/rules/compiled-rule-set.ts";
import type { RuleSet } from "../store/port/content.ts";

/** Compiles what has changed since `before`, with pauses. */
export async function compileRules(
  { version, rules }: RuleSet,
  before: CompiledRuleSet | null,
  breathe: () => Promise<void> | undefined,
): Promise<CompiledRuleSet> {
  const compiled: CompiledRule[] = [];
  for (const { rule } of rules) {
    const known = before?.byRef.get(rule.ref);
    if (known?.rule !== rule) await breathe();
    compiled.push(known?.rule === rule ? known : compileRule(rule));
  }
  return ruleSetOf(version, compiled);
}
