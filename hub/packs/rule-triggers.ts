/** Which triggers with parameters the sensors of a pack have to know of, since rules want them. Pure. */
import type { LabelSelector, PackRecord } from "../../shared/model/pack.ts";
import type { RuleDefinition, RuleRecord } from "../../shared/model/rule.ts";
import { canonicalText, type RuleTrigger } from "../../shared/model/rule-trigger.ts";
import { hasLabels } from "../executions/place.ts";

/** Characters of all triggers of a pack: they travel in one entry, beside the pack's configuration. */
export const mostTriggersLength = 48 * 1024;

/** Rules that give parameters to their trigger, also those that are disabled: as there, the trigger is there. */
export function rulesWithParameters(rules: readonly RuleRecord[]): readonly RuleDefinition[] {
  return rules.map(({ rule }) => rule).filter(({ trigger }) => Object.keys(trigger.parameters).length > 0);
}

export interface RuleTriggers {
  /** Each once, in an order of their own. */
  readonly triggers: readonly RuleTrigger[];
  /** Those for which there was no room. */
  readonly left: number;
}

/** What an agent with these labels is told of `pack`; a rule for other origins waits for nothing from it. */
export function triggersFor(
  rules: readonly RuleDefinition[],
  { pack }: Pick<PackRecord, "pack">,
  labels: LabelSelector,
): RuleTriggers {
  const types = new Set(pack.trigger_types.map(({ ref }) => ref));
  const wanted = new Map<string, RuleTrigger>();
  for (const { trigger, origins } of rules) {
    if (!types.has(trigger.type) || (origins !== null && !hasLabels(labels, origins))) continue;
    const { type, parameters } = trigger;
    wanted.set(canonicalText([type, parameters]), { type, parameters });
  }
  const triggers: RuleTrigger[] = [];
  let length = 0;
  for (const [text, trigger] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) {
    length += text.length;
    if (length > mostTriggersLength) break;
    triggers.push(trigger);
  }
  return { triggers, left: wanted.size - triggers.length };
}
