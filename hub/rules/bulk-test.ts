/** Judges rules against recorded triggers, offline: one JSON line for every pair of the same trigger type. */
import { type ErrorCode, errorReport, isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { TemplateKeys } from "../../shared/expressions/datastore-lookup.ts";
import { encodeJson, parseJson, plainJson } from "../../shared/expressions/python/json-text.ts";
import { dictGet, isDict } from "../../shared/expressions/python/values.ts";
import type { RegexOracle } from "../../shared/expressions/regex/answer.ts";
import type { Scope } from "../../shared/expressions/run.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { ActionDefinition } from "../../shared/model/action.ts";
import type { RuleDefinition } from "../../shared/model/rule.ts";
import type { Origin } from "../../shared/model/trigger.ts";
import { resolveValues } from "../../shared/parameters/resolve.ts";
import { checkRule } from "../../shared/rules/check-rule.ts";
import { type CompiledRule, compileRule } from "../../shared/rules/compiled-rule-set.ts";
import {
  type Explanation,
  explainIn,
  type Needs,
  type TriggerView,
  triggerScope,
} from "../../shared/rules/match.ts";
import { ruleActionInput } from "../../shared/rules/rule-action.ts";
import { directThrottle, throttleKey } from "../../shared/rules/throttle-key.ts";

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
  /** How its lines begin, up to the line's number. */
  readonly lineHead: string;
  /** The constant beginnings of its criteria in a line: up to the value, or to the pattern if that one varies. */
  readonly criterionHeads: readonly string[];
}

export interface TestAction {
  readonly definition: Pick<ActionDefinition, "ref" | "pack" | "runner_type" | "parameters">;
  /** Effective configuration of its pack. */
  readonly config: { readonly [name: string]: unknown };
}

export interface TestSurroundings {
  readonly actions: { get(ref: string): TestAction | undefined };
  readonly keys: TemplateKeys;
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
  /** Why the trigger does not count for the rule, whatever the criteria say. */
  readonly skipped?: string;
  /** Of a throttled rule: what it is counted under. */
  readonly throttle_key?: string;
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
    return { ref, triggerType, compiled: null, bad, lineHead: lineHead(ref), criterionHeads: [] };
  }
  return testRuleOf(compileRule(rule));
}

export function testRuleOf(compiled: CompiledRule): TestRule {
  const { ref, trigger } = compiled.rule;
  const criterionHeads = compiled.criteria.map(criterionHead);
  return {
    ref,
    triggerType: trigger.type,
    compiled,
    bad: compiled.broken,
    lineHead: lineHead(ref),
    criterionHeads,
  };
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
  const parameters = dictGet(value, "parameters");
  return {
    trigger,
    ...(isDict(parameters) && { parameters: plainJson(parameters) as JsonObject }),
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

/** A trigger that many rules are judged on: what does not depend on the rule is made once. */
export interface TestTrigger {
  readonly trigger: TriggerView;
  readonly scope: Scope;
  /** JSON of the values that criteria have found in it. */
  readonly encoded: Map<unknown, string>;
}

export function prepareTrigger(trigger: TriggerView, { keys }: TestSurroundings): TestTrigger {
  return { trigger, scope: triggerScope(trigger, keys), encoded: new Map() };
}

/** Judges one pair. `enabled` does not count, and each rule is judged on its own, backstops too. */
export function judgePair(
  rule: TestRule,
  { trigger, scope }: TestTrigger,
  surroundings: TestSurroundings,
  regex: RegexOracle,
): { readonly done: true; readonly outcome: TestOutcome } | Needs {
  const { compiled, bad, ref } = rule;
  if (compiled === null || bad !== null)
    return { done: true, outcome: { rule: ref, matched: false, error: bad, criteria: [], action: null } };
  const result = explainIn(compiled, trigger, scope, {
    now: surroundings.now,
    keys: surroundings.keys,
    regex,
  });
  if (!result.done) return result;
  const { matched, error, criteria, skipped } = result.explanation;
  if (!matched) {
    const outcome = { rule: ref, matched, error, criteria, action: null };
    return { done: true, outcome: skipped === undefined ? outcome : { ...outcome, skipped } };
  }
  const { error: fault, ...acts } = act(compiled.rule, trigger, scope, surroundings, regex);
  return { done: true, outcome: { rule: ref, matched, error: fault, criteria, ...acts } };
}

/** The action with the parameters that StackStorm shows on an execution. Throws RegexNeeded. */
function act(
  rule: RuleDefinition,
  trigger: TriggerView,
  scope: Scope,
  { actions, keys }: TestSurroundings,
  regex: RegexOracle,
): Pick<TestOutcome, "error" | "action" | "throttle_key"> {
  const { ref } = rule.action;
  const action = actions.get(ref);
  if (action === undefined)
    return { error: `ACTION_UNKNOWN: no definition of action '${ref}'`, action: null };
  const { definition, config } = action;
  const actionContext = { user: "stanley" };
  try {
    const { throttle: has } = rule;
    const key = has && { throttle_key: throttleKey(has, scope, regex) };
    const throttle = key && directThrottle(key.throttle_key);
    const given = { rule, action: definition, trigger, keys, config, actionContext, throttle, regex };
    return { error: null, action: { ref, parameters: resolveValues(ruleActionInput(given)).live }, ...key };
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    const report = errorReport(error);
    return { error: `${report.code}: ${report.message}`, action: null };
  }
}

function lineHead(ref: string): string {
  return `{"rule":${JSON.stringify(ref)},"line":`;
}

function criterionHead({ key, operator, constant }: CompiledRule["criteria"][number]): string {
  const head = `{"key":${JSON.stringify(key)},"operator":${JSON.stringify(operator)},"pattern":`;
  return constant === undefined ? head : `${head}${encodeJson(constant.pattern)},"value":`;
}

/**
 * The outcome as one line of JSON, its line end included. Floats keep their point and long ints their digits.
 * Of few and long pieces: millions of lines cost what it takes to put their pieces together.
 */
export function outcomeLine(
  rule: TestRule,
  line: number,
  { matched, error, criteria, action, skipped, throttle_key: key }: TestOutcome,
  encoded: TestTrigger["encoded"] = new Map(),
): string {
  let judged = "";
  for (let i = 0; i < criteria.length; i++) {
    const verdict = criteria[i];
    if (verdict === undefined) continue;
    const { pattern, value, result } = verdict;
    const head = rule.criterionHeads[i] ?? "";
    const varies = rule.compiled?.criteria[i]?.constant === undefined;
    const shown = varies ? `${head}${encodeJson(pattern)},"value":` : head;
    const text = `${shown}${encodeOnce(value, encoded)}${resultTails[String(result)]}`;
    judged = i === 0 ? text : `${judged},${text}`;
  }
  if (skipped !== undefined)
    return `${rule.lineHead}${line}${clean}${judged}],"action":null,"skipped":${JSON.stringify(skipped)}}\n`;
  if (!matched && error === null) return `${rule.lineHead}${line}${clean}${judged}${noAction}`;
  const start = `${rule.lineHead}${line},"matched":${matched},"error":${encodeJson(error)},"criteria":[${judged}`;
  if (action === null) return `${start}${noAction}`;
  const counted = key === undefined ? "" : `,"throttle_key":${JSON.stringify(key)}`;
  return `${start}],"action":{"ref":${JSON.stringify(action.ref)},"parameters":${parametersText(action.parameters)}}${counted}}\n`;
}

const resultTails: Readonly<Record<string, string>> = {
  true: ',"result":true}',
  false: ',"result":false}',
  null: ',"result":null}',
};
const clean = ',"matched":false,"error":null,"criteria":[';
const noAction = '],"action":null}\n';

/** Values are those of one trigger, which nothing changes: the same value has the same text. */
function encodeOnce(value: unknown, encoded: Map<unknown, string>): string {
  const known = encoded.get(value);
  if (known !== undefined) return known;
  const text = encodeJson(value);
  encoded.set(value, text);
  return text;
}

function parametersText(parameters: ReadonlyMap<string, unknown>): string {
  return `{${[...parameters].map(([name, value]) => `${JSON.stringify(name)}:${encodeJson(value)}`).join(",")}}`;
}
