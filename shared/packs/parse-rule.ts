/** Rule files: StackStorm's fields, and Petrel's target, origins, expires, throttle, mode and bursts (st2 docs, Rules). */
import { isObject, type Json, type JsonObject } from "../json.ts";
import { fileChangedTrigger } from "../model/file-change.ts";
import type { ActionTarget, RuleDefinition } from "../model/rule.ts";
import { hasErrors, type Problem } from "../problem.ts";
import { formatRef, isPackName, parseRef } from "../ref.ts";
import { checkRule, type RuleProblem } from "../rules/check-rule.ts";
import { readYaml, type YamlDocument, type YamlLimits, yamlLimits } from "../yaml/read-yaml.ts";
import { checkFields, compileFields, shown, withoutEmpty } from "./fields.ts";
import { belongsToPack } from "./ownership.ts";
import type { Metadata } from "./pack-file.ts";
import { readCriteria } from "./parse-criteria.ts";
import { labelsSchema, readTarget, refuseRule } from "./parse-target.ts";
import { readThrottle } from "./parse-throttle.ts";

const text = { type: "string" };
const checkRuleFields = compileFields({
  type: "object",
  required: ["name", "trigger", "action"],
  additionalProperties: false,
  properties: {
    name: {
      ...text,
      pattern: "^\\S(?:[^/\\p{Cc}]*\\S)?$",
      maxLength: 128,
      fix: "use letters, digits, '_' and '-'",
    },
    pack: text,
    description: text,
    enabled: { type: "boolean" },
    type: { type: ["object", "string"] },
    trigger: { type: "object" },
    criteria: { type: "object" },
    action: { type: "object" },
    context: { type: "object" },
    tags: { type: "array" },
    mode: { type: "string", enum: ["live", "shadow"] },
    expires: {
      type: "number",
      exclusiveMinimum: 0,
      maximum: 31_536_000,
      fix: "write seconds, a year at most",
    },
    bursts: { type: "string", enum: ["each", "skip"] },
    throttle: { type: "object", fix: "write {every: 5m}" },
    origins: {
      type: "object",
      required: ["labels"],
      additionalProperties: false,
      properties: { labels: labelsSchema },
    },
    id: text,
    ref: text,
    uid: text,
    metadata_file: text,
  },
});

type Fields = Readonly<Record<string, Json>>;

const checkTrigger = compileFields({
  type: "object",
  required: ["type"],
  additionalProperties: false,
  properties: { type: text, parameters: { type: "object" }, ref: text, description: text },
});

const checkAction = compileFields({
  type: "object",
  required: ["ref"],
  additionalProperties: false,
  properties: {
    ref: text,
    parameters: { type: "object" },
    description: text,
    target: { type: ["string", "object"] },
  },
});

/** Stands in for a reference that is wrong and has been told. */
const ANY_REF = "core.noop";

/** Operators, patterns, keys and templates; of parts that are wrong otherwise nothing is said again. */
function checkMeaning(
  metadata: Metadata,
  rule: {
    readonly triggerType: string | null;
    readonly triggerParameters: Json | undefined;
    readonly actionRef: string | null;
    readonly criteria: RuleDefinition["criteria"];
    readonly parameters: Json | undefined;
    readonly target: ActionTarget | null | undefined;
  },
): boolean {
  const { triggerType, triggerParameters, actionRef, criteria, parameters, target } = rule;
  const found = checkRule({
    trigger: {
      type: triggerType ?? ANY_REF,
      parameters: isObject(triggerParameters) ? triggerParameters : {},
    },
    criteria,
    action: {
      ref: actionRef ?? ANY_REF,
      parameters: isObject(parameters) ? parameters : {},
      ...(target != null && { target }),
    },
  });
  ruleProblemsAt(metadata.at, found).forEach(metadata.report);
  return found.every(({ severity }) => severity === "warning");
}

/** Problems of a rule as problems of the text it was read from. */
export function ruleProblemsAt(at: Metadata["at"], problems: readonly RuleProblem[]): readonly Problem[] {
  return problems.map(({ code, severity, message, path, hint }) => ({
    code,
    severity,
    message,
    where: at(path),
    hint: hint ?? "change the value",
  }));
}

/** `standard` or `backstop`, written as StackStorm's `{ref: …}` or as the word alone. */
function readType(metadata: Metadata, type: Json | undefined): "standard" | "backstop" | null {
  const word = isObject(type) ? (type.ref ?? "standard") : (type ?? "standard");
  if (word === "standard" || word === "backstop") return word;
  refuseRule(
    metadata,
    ["type"],
    `the rule type ${shown(word)} does not exist`,
    "write 'standard' or 'backstop'",
  );
  return null;
}

function isRefAt(metadata: Metadata, path: readonly string[], value: Json | undefined): boolean {
  if (typeof value !== "string") return false;
  if (parseRef(value) !== null) return true;
  return refuseRule(metadata, path, `${shown(value)} is no reference`, "write it as 'pack.name'");
}

/** The rule, or `null` after reporting everything that is wrong with it. */
export function parseRule(metadata: Metadata): RuleDefinition | null {
  const fieldsOk = checkFields(checkRuleFields, metadata, { code: "RULE_INVALID" });
  if (!isObject(metadata.value)) return null;
  const rule = withoutEmpty(metadata.value) as Fields;
  const section = (name: string): Fields => withoutEmpty(isObject(rule[name]) ? rule[name] : {}) as Fields;
  const [trigger, action] = [section("trigger"), section("action")];
  const inTrigger = { code: "RULE_INVALID", base: ["trigger"], value: trigger, unknown: "warning" } as const;
  const inAction = { code: "RULE_INVALID", base: ["action"], value: action } as const;
  const triggerOk =
    isObject(rule.trigger) &&
    checkFields(checkTrigger, metadata, inTrigger) &&
    isRefAt(metadata, ["trigger", "type"], trigger.type);
  const actionOk =
    isObject(rule.action) &&
    checkFields(checkAction, metadata, inAction) &&
    isRefAt(metadata, ["action", "ref"], action.ref);
  const target = readTarget(metadata, action.target);
  const throttle = isObject(rule.throttle) ? readThrottle(metadata, rule.throttle) : undefined;
  const criteria = readCriteria(metadata, (isObject(rule.criteria) ? rule.criteria : {}) as Fields);
  const type = readType(metadata, rule.type);
  if (triggerOk && rule.bursts !== undefined && trigger.type !== fileChangedTrigger) {
    metadata.report({
      code: "RULE_INVALID",
      severity: "warning",
      message: `only triggers of type ${fileChangedTrigger} come in bursts`,
      where: metadata.at(["bursts"]),
      hint: "leave it out",
    });
  }
  const owned = belongsToPack(metadata, [], rule.pack);
  const meaningOk = checkMeaning(metadata, {
    triggerType: triggerOk ? (trigger.type as string) : null,
    triggerParameters: trigger.parameters,
    actionRef: actionOk ? (action.ref as string) : null,
    criteria: criteria.read,
    parameters: action.parameters,
    target,
  });
  const structureOk = fieldsOk && triggerOk && actionOk && criteria.ok && owned;
  if (!structureOk || !meaningOk || target === null || throttle === null || type === null) return null;
  const name = rule.name as string;
  const origins = rule.origins as { readonly labels: Readonly<Record<string, string>> } | undefined;
  return {
    ref: formatRef(metadata.pack, name),
    pack: metadata.pack,
    name,
    description: (rule.description as string | undefined) ?? "",
    // As in StackStorm: a rule that does not say it is enabled is not.
    enabled: (rule.enabled as boolean | undefined) ?? false,
    type,
    trigger: {
      type: trigger.type as string,
      parameters: (trigger.parameters as JsonObject | undefined) ?? {},
    },
    criteria: criteria.read,
    action: {
      ref: action.ref as string,
      parameters: (action.parameters as JsonObject | undefined) ?? {},
      ...(target !== undefined && { target }),
    },
    mode: (rule.mode as RuleDefinition["mode"] | undefined) ?? "live",
    expires: (rule.expires as number | undefined) ?? 3600,
    origins: origins?.labels ?? null,
    tags: (rule.tags as Json[] | undefined) ?? [],
    ...(rule.bursts === "each" && { bursts: "each" }),
    ...(throttle !== undefined && { throttle }),
  };
}

/** One document of a file of rules. */
export interface RuleDocument {
  /** `null` when one of the problems is an error. */
  readonly rule: RuleDefinition | null;
  /** `pack.name`, as far as readable even if the rule is wrong. */
  readonly ref: string | null;
  readonly triggerType: string | null;
  readonly problems: readonly Problem[];
  /** Where a part of it stands, as problems say it. */
  readonly at: Metadata["at"];
}

/** The pack whose `rules/` folder holds `file`, else `default`, as StackStorm's API has it. */
export function packOfRuleFile(file: string): string {
  const [folder, pack] = file.split("/").slice(0, -1).reverse();
  return folder === "rules" && pack !== undefined && isPackName(pack) ? pack : "default";
}

/**
 * Every rule of a text with any number of YAML documents (JSON is YAML). Empty documents are left out.
 * A rule may name its pack; without it `defaultPack` is meant.
 */
export function parseRuleDocuments(
  content: string,
  file: string,
  defaultPack: string = packOfRuleFile(file),
  limits: YamlLimits = yamlLimits,
): { readonly documents: readonly RuleDocument[]; readonly problems: readonly Problem[] } {
  const reading = readYaml(content, file, limits);
  const documents = reading.documents
    .filter((document) => document.value !== null || document.problems.length > 0)
    .map((document) => readRuleDocument(document, defaultPack));
  const told = new Set(reading.documents.flatMap((document) => document.problems));
  return { documents, problems: reading.problems.filter((problem) => !told.has(problem)) };
}

function readRuleDocument(document: YamlDocument, defaultPack: string): RuleDocument {
  const problems = [...document.problems];
  const fields = isObject(document.value) ? document.value : {};
  const trigger = isObject(fields.trigger) ? fields.trigger : {};
  const named = fields.pack ?? defaultPack;
  const pack = typeof named === "string" && isPackName(named) ? named : defaultPack;
  const report = (problem: Problem): void => {
    problems.push(problem);
  };
  const at = document.at;
  const rule = hasErrors(problems) ? null : parseRule({ pack, value: document.value, at, report });
  return {
    rule,
    ref: typeof fields.name === "string" ? formatRef(pack, fields.name) : null,
    triggerType: typeof trigger.type === "string" ? trigger.type : null,
    problems,
    at,
  };
}
