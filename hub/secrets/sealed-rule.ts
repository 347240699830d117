/** Literal secrets in the parameters of rules that people make: encrypted with the rule. Pure. */
import type { ActionDefinition } from "../../shared/model/action.ts";
import type { RuleDefinition } from "../../shared/model/rule.ts";
import { actionParameters } from "../../shared/packs/action-parameters.ts";
import { divideRuleParameters, type Taken } from "./mask.ts";
import type { Sealer } from "./sealer.ts";
import { united } from "./united.ts";

const placeOf = (ref: string) => `rule/${ref}/parameters`;

/** The rule as it is stored. Throws KEY_FILE. */
export function sealedRule(
  rule: RuleDefinition,
  action: ActionDefinition | undefined,
  sealer: Sealer,
): RuleDefinition {
  if (action === undefined) return rule;
  const { shown, taken } = divideRuleParameters(actionParameters(action), rule.action.parameters);
  if (taken.length === 0) return rule;
  const sealed = sealer.seal(placeOf(rule.ref), JSON.stringify(taken));
  return { ...rule, action: { ...rule.action, parameters: shown, sealed } };
}

/** The rule as it acts. Throws KEY_FILE, KEY_UNREADABLE. */
export function openedRule(rule: RuleDefinition, sealer: Sealer): RuleDefinition {
  const { sealed, ...action } = rule.action;
  if (sealed === undefined) return rule;
  const taken = JSON.parse(sealer.open(placeOf(rule.ref), sealed)) as Taken;
  return { ...rule, action: { ...action, parameters: united({ shown: action.parameters, taken }) } };
}

/** As `openedRule`; with masks in place of secrets that cannot be opened. */
export function openedIfPossible(rule: RuleDefinition, sealer: Sealer): RuleDefinition {
  try {
    return openedRule(rule, sealer);
  } catch {
    return rule;
  }
}

/** As people may see it: what is sealed has masks in its place. */
export function shownRule({ action: { sealed: _, ...action }, ...rule }: RuleDefinition): RuleDefinition {
  return { ...rule, action };
}
