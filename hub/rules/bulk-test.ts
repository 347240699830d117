/** Judges rules against recorded triggers, offline: one JSON line for every pair of the same trigger type. */
import { type ErrorCode, errorReport, isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { KeySource } from "../../shared/expressions/datastore-lookup.ts";
import { encodeJson, parseJson } from "../../shared/expressions/python/json-text.ts";
import { dictGet, isDict } from "../../shared/expressions/python/values.ts";
import type { RegexOracle } from "../../shared/expressions/regex/answer.ts";
import type { ActionDefinition } from "../../shared/model/action.ts";
import type { RuleDefinition } from "../../shared/model/rule.ts";
import type { Origin } from "../../shared/model/trigger.ts";
import { resolveValues } from "../../shared/parameters/resolve.ts";
import { checkRule } from "../../shared/rules/check-rule.ts";
import { type CompiledRule, compileRule } from "../../shared/rules/compiled-rule-set.ts";
import { type Explanation, explain, type Needs, type TriggerView } from "../../shared/rules/match.ts";
import { ruleActionInput } from "../../shared/rules/rule-action.ts";

/** One document of a rules file. */
export interface RuleDocument {
  readonly rule: RuleDefinition | null;
  readonly ref: string | null;
  readonly triggerType: string | null;
  readonly problems: readonly {
    readonly code: ErrorCode;
    readonly severity: "error" | "warning";
    readonly message: string;
  }[];
}

/** A rule ready to be judged; a bad one is judged too, and says why it is bad. */
export interface TestRule {
  readonly ref: string;
  readonly triggerType: string;
  readonly compiled: CompiledRule | null;
  /** `CODE: text` */
  readonly bad: string | null;
}

export interface TestAction {
  readonly definition: Pick<ActionDefinition, "ref" | "pack" | "runner_type" | "parameters">;
  /** Effective configuration of its pack. */
  readonly config: { readonly [name: string]: unknown };
}

export interface TestSurroundings {
  readonly actions: ReadonlyMap<string, TestAction>;
  readonly keys: KeySource;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What one rule said of one trigger. */
export interface TestOutcome {
  readonly rule: string;
  readonly matched: boolean;
  readonly error: string | null;
  readonly criteria: Explanation["criteria"];
  readonly action: { readonly ref: string; readonly parameters: ReadonlyMap<string, unknown> } | null;
}

/** The first error of the file's reader, or of the rule's own check, makes a rule bad. `null`: it has no trigger type. */
export function prepareRule(document: RuleDocument, fallbackRef: string): TestRule | null {
  const { rule, triggerType } = document;
  if (triggerType === null) return null;
  const found = [...document.problems, ...(rule === null ? [] : checkRule(rule))].find(
    ({ severity }) => severity === "error",
  );
  const ref = rule?.ref ?? document.ref ?? fallbackRef;
  if (rule === null || found !== undefined) {
    const bad =
      found === undefined ? "RULE_INVALID: the rule cannot be read" : `${found.code}: ${found.message}`;
    return { ref, triggerType, compiled: null, bad };
  }
  const compiled = compileRule(rule);
  return { ref, triggerType, compiled, bad: compiled.broken };
}

/** Rules by the trigger type they wait for, in the order of the files. */
export function indexRules(rules: readonly TestRule[]): ReadonlyMap<string, readonly TestRule[]> {
  const byType = new Map<string, TestRule[]>();
  for (const rule of rules) {
    const same = byType.get(rule.triggerType);
    if (same === undefined) byType.set(rule.triggerType, [rule]);
    else same.push(rule);
  }
  return byType;
}

/**
 * A recorded trigger: `{trigger, payload, origin?, late?}`; a stored trigger instance is one.
 * Throws JSON_SYNTAX for what is none, naming `where`.
 */
export function readTrigger(text: string, where: string): TriggerView {
  const bad = (message: string, cause?: unknown): never => {
    throw new PetrelError("JSON_SYNTAX", message, {
      where,
      hint: 'write {"trigger": "pack.name", "payload": {…}}',
      cause,
    });
  };
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    return bad(error instanceof Error ? error.message : "no JSON", error);
  }
  if (!isDict(value)) return bad("a trigger is a JSON object");
  const trigger = dictGet(value, "trigger");
  if (typeof trigger !== "string") return bad("a trigger has a field 'trigger' with its type's reference");
  return {
    trigger,
    payload: dictGet(value, "payload") ?? null,
    origin: readOrigin(dictGet(value, "origin")),
    late: dictGet(value, "late") === true,
  };
}

function readOrigin(value: unknown): Origin | null {
  if (!isDict(value)) return null;
  const text = (name: string): string | null => {
    const found = dictGet(value, name);
    return typeof found === "string" ? found : null;
  };
  const labels = dictGet(value, "labels");
  const pairs = isDict(labels)
    ? Object.entries(labels).filter((pair): pair is [string, string] => typeof pair[1] === "string")
    : [];
  return { agent: text("agent"), host: text("host") ?? text("agent"), labels: Object.fromEntries(pairs) };
}

/** Judges one pair. `enabled` does not count, and each rule is judged on its own, backstops too. */
export function judgePair(
  rule: TestRule,
  trigger: TriggerView,
  surroundings: TestSurroundings,
  regex: RegexOracle,
): { readonly done: true; readonly outcome: TestOutcome } | Needs {
  const { compiled, bad } = rule;
  const base = { rule: rule.ref, criteria: [], action: null };
  if (compiled === null || bad !== null)
    return { done: true, outcome: { ...base, matched: false, error: bad } };
  const result = explain(compiled, trigger, { now: surroundings.now, keys: surroundings.keys, regex });
  if (!result.done) return result;
  const { matched, error, criteria } = result.explanation;
  if (!matched) return { done: true, outcome: { ...base, matched, error, criteria } };
  return {
    done: true,
    outcome: { ...base, matched, criteria, ...act(compiled.rule, trigger, surroundings, regex) },
  };
}

/** The action with the parameters that StackStorm shows on an execution. Throws RegexNeeded. */
function act(
  rule: RuleDefinition,
  trigger: TriggerView,
  { actions, keys }: TestSurroundings,
  regex: RegexOracle,
): Pick<TestOutcome, "error" | "action"> {
  const { ref } = rule.action;
  const action = actions.get(ref);
  if (action === undefined)
    return { error: `ACTION_UNKNOWN: no definition of action '${ref}'`, action: null };
  const { definition, config } = action;
  const actionContext = { user: "stanley" };
  try {
    const input = ruleActionInput({ rule, action: definition, trigger, keys, config, actionContext, regex });
    return { error: null, action: { ref, parameters: resolveValues(input).live } };
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    const report = errorReport(error);
    return { error: `${report.code}: ${report.message}`, action: null };
  }
}

const keyTexts = new WeakMap<TestRule, readonly string[]>();

/** The constant beginnings of a rule's criteria in a line. */
function criterionHeads(rule: TestRule): readonly string[] {
  const known = keyTexts.get(rule);
  if (known !== undefined) return known;
  const heads = (rule.compiled?.criteria ?? []).map(
    ({ key, operator }) => `{"key":${JSON.stringify(key)},"operator":${JSON.stringify(operator)},"pattern":`,
  );
  keyTexts.set(rule, heads);
  return heads;
}

/** The outcome as one line of JSON, its line end included. Floats keep their point and long ints their digits. */
export function outcomeLine(rule: TestRule, line: number, outcome: TestOutcome): string {
  const heads = criterionHeads(rule);
  const criteria = outcome.criteria.map(
    ({ pattern, value, result }, i) =>
      `${heads[i] ?? ""}${encodeJson(pattern)},"value":${encodeJson(value)},"result":${result}}`,
  );
  const action =
    outcome.action === null
      ? "null"
      : `{"ref":${JSON.stringify(outcome.action.ref)},"parameters":${parametersText(outcome.action.parameters)}}`;
  return `{"rule":${JSON.stringify(outcome.rule)},"line":${line},"matched":${outcome.matched},"error":${encodeJson(outcome.error)},"criteria":[${criteria.join(",")}],"action":${action}}\n`;
}

function parametersText(parameters: ReadonlyMap<string, unknown>): string {
  return `{${[...parameters].map(([name, value]) => `${JSON.stringify(name)}:${encodeJson(value)}`).join(",")}}`;
}
