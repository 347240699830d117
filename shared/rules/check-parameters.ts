/** Whether what a rule gives to its action can be what the action takes, as far as that shows before anything happens. */
import { isPetrelError, PetrelError } from "../errors.ts";
import { isTemplate } from "../expressions/template.ts";
import { isObject } from "../json.ts";
import type { ActionDefinition } from "../model/action.ts";
import type { RuleDefinition } from "../model/rule.ts";
import type { TriggerType } from "../model/trigger.ts";
import { suggestion } from "../nearest.ts";
import { actionParameters } from "../packs/action-parameters.ts";
import { runnerParameters } from "../packs/runners.ts";
import { castValue } from "../parameters/casts.ts";
import { payloadProblems } from "../parameters/payload.ts";
import { plainOracle } from "../parameters/plain-oracle.ts";
import { parametersSchema } from "../parameters/resolve.ts";
import { withDefaults } from "../parameters/schema.ts";
import { checkValue } from "../parameters/value-check.ts";
import type { CheckableRule, RuleProblem } from "./check-rule.ts";

/** Stands for a value that only the trigger decides: it fits everything. */
const LATER = Symbol("rendered later");

/**
 * What would fail each time the rule fires, or is dropped in silence: unknown, missing and immutable parameters, and
 * constants of a wrong type or value. Warnings, since StackStorm takes such rules. What has a template in it counts as
 * right. No message shows the value of a secret.
 */
export function checkParameters(
  { ref, parameters }: CheckableRule["action"],
  action: Pick<ActionDefinition, "runner_type" | "parameters">,
): readonly RuleProblem[] {
  const runner = runnerParameters[action.runner_type] ?? {};
  const taken = actionParameters(action);
  const free = Object.keys(taken).filter((name) => taken[name]?.immutable !== true);
  const problems: RuleProblem[] = [];
  const warn = (path: RuleProblem["path"], error: PetrelError) =>
    problems.push({
      code: error.code,
      severity: "warning",
      message: error.message,
      path: ["action", "parameters", ...path],
      hint: error.hint ?? null,
    });

  const values: Record<string, unknown> = Object.create(null);
  for (const [name, given] of Object.entries(parameters)) {
    if (!Object.hasOwn(taken, name)) {
      const hint = suggestion(name, free);
      warn(
        [name],
        new PetrelError("PARAMETER_UNKNOWN", `action ${ref} has no parameter '${name}'`, { hint }),
      );
    } else if (taken[name]?.immutable === true) {
      const message = `parameter '${name}' of action ${ref} may not be given`;
      warn([name], new PetrelError("PARAMETER_IMMUTABLE", message, { hint: "leave it out" }));
    } else {
      const value = constant(given);
      // The runner's declaration decides where both have one, as when it runs.
      const type = (Object.hasOwn(runner, name) ? runner[name] : taken[name])?.type;
      try {
        values[name] = value === LATER ? LATER : castValue(name, value, type);
      } catch (error) {
        if (!isPetrelError(error)) throw error;
        values[name] = LATER;
        warn([name], error);
      }
    }
  }
  for (const [name, schema] of Object.entries(taken)) {
    const standard = schema.default ?? null;
    if (Object.hasOwn(values, name)) continue;
    if (schema.required === true && standard === null) {
      values[name] = LATER;
      if (Object.hasOwn(parameters, name)) continue;
      const message = `action ${ref} needs parameter '${name}', and this rule does not give it`;
      warn([], new PetrelError("PARAMETER_MISSING", message, { hint: `add '${name}'` }));
    } else if (constant(standard) === LATER) values[name] = LATER;
  }
  const schema = parametersSchema(action.parameters, runner);
  if (schema === null) return problems;
  const fits = (_schema: unknown, value: unknown) => value === LATER;
  for (const { path, message } of checkValue(schema, withDefaults(schema, values), {
    regex: plainOracle,
    fits,
  })) {
    const place = path.join(".");
    const text = path.length === 0 ? message : `parameter '${place}': ${message}`;
    const hint = `\`petrel action get ${ref}\` shows what it takes`;
    warn(path, new PetrelError("PARAMETER_INVALID", text, { hint }));
  }
  return problems;
}

/**
 * What a rule gives to its trigger and the trigger's type does not take: no sensor would know what to do about it. Warnings,
 * as for actions.
 */
export function checkTriggerParameters(
  { type, parameters }: RuleDefinition["trigger"],
  { parameters_schema: schema }: Pick<TriggerType, "parameters_schema">,
): readonly RuleProblem[] {
  return payloadProblems(schema, parameters).map((text) => ({
    code: "RULE_INVALID",
    severity: "warning",
    message: `the parameters of trigger ${type} do not fit: ${text}`,
    path: ["trigger", "parameters"],
    hint: `\`petrel trigger get ${type}\` shows what it takes`,
  }));
}

/** The value with `LATER` for each part that is a template, or is in a map whose keys are. */
function constant(value: unknown): unknown {
  if (typeof value === "string") return isTemplate(value) ? LATER : value;
  if (Array.isArray(value)) return value.map(constant);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, constant(item)] as const);
  return entries.some(([key]) => isTemplate(key)) ? LATER : Object.fromEntries(entries);
}
