/** What a matched rule asks for: the parameters of its action, and where it is to run. */
import type { TemplateKeys } from "../expressions/datastore-lookup.ts";
import { noSlowRegex, type RegexOracle } from "../expressions/regex/answer.ts";
import type { Scope } from "../expressions/run.ts";
import { compileTemplate, isTemplate } from "../expressions/template.ts";
import type { ActionDefinition } from "../model/action.ts";
import type { ActionTarget, RuleDefinition } from "../model/rule.ts";
import { runnerParameters } from "../packs/runners.ts";
import type { ResolveInput } from "../parameters/resolve.ts";
import { type TriggerView, triggerScope } from "./match.ts";
import type { ThrottleView } from "./throttle-key.ts";

export interface RuleActionInput {
  readonly rule: RuleDefinition;
  readonly action: Pick<ActionDefinition, "pack" | "runner_type" | "parameters">;
  readonly trigger: TriggerView;
  readonly keys: TemplateKeys;
  /** Effective configuration of the action's pack: `config_context`. */
  readonly config: { readonly [name: string]: unknown };
  /** `action_context` beyond pack and rule: user, trigger_instance, trace_context … */
  readonly actionContext?: { readonly [name: string]: unknown };
  /** Of a rule with a throttle. */
  readonly throttle?: ThrottleView | undefined;
  readonly regex?: RegexOracle;
}

/** Input for `resolveParameters`, with every name that StackStorm gives to a rule's templates, and `origin`, `late`, `throttle`. */
export function ruleActionInput(input: RuleActionInput): ResolveInput {
  const { rule, action, trigger, keys, config, throttle } = input;
  const { trigger: payload, origin, late, st2kv } = triggerScope(trigger, keys);
  return {
    action: action.parameters,
    runner: Object.hasOwn(runnerParameters, action.runner_type)
      ? (runnerParameters[action.runner_type] ?? {})
      : {},
    supplied: rule.action.parameters,
    context: {
      trigger: payload,
      origin,
      late,
      st2kv,
      ...(throttle !== undefined && { throttle }),
      action_context: { pack: action.pack, rule: rule.ref, ...input.actionContext },
      config_context: config,
    },
    ...(input.regex !== undefined && { regex: input.regex }),
  };
}

/** The target with its templates rendered over the trigger. Throws EXPRESSION_*. */
export function renderTarget(
  target: ActionTarget,
  scope: Scope,
  regex: RegexOracle = noSlowRegex,
): ActionTarget {
  const render = (text: string): string =>
    isTemplate(text) ? compileTemplate(text).render(scope, regex) : text;
  if (typeof target === "string") return target;
  if ("host" in target) return { host: render(target.host) };
  const labels = Object.entries(target.labels).map(([name, value]) => [name, render(value)] as const);
  return { ...target, labels: Object.fromEntries(labels) };
}
