/** Rule files: StackStorm's fields, and Petrel's target, origins, expires and mode (st2 docs, Rules). */
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { ActionTarget, Criterion, RuleDefinition } from "../model/rule.ts";
import { hasErrors, type Problem } from "../problem.ts";
import { formatRef, isPackName, parseRef } from "../ref.ts";
import { readYaml, type YamlDocument } from "../yaml/read-yaml.ts";
import { checkFields, compileFields, shown, withoutEmpty } from "./fields.ts";
import { belongsToPack } from "./ownership.ts";
import type { Metadata } from "./pack-file.ts";

const text = { type: "string" };
const labels = {
  type: "object",
  additionalProperties: text,
  minProperties: 1,
  fix: "write {labels: {role: web}}",
};

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
    origins: {
      type: "object",
      required: ["labels"],
      additionalProperties: false,
      properties: { labels },
    },
    id: text,
    ref: text,
    uid: text,
    metadata_file: text,
  },
});

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

const checkTarget = compileFields({
  type: "object",
  additionalProperties: false,
  properties: {
    host: { ...text, minLength: 1, fix: "write the host's name, or a template" },
    labels,
    mode: { type: "string", enum: ["all", "any"] },
    limit: { type: "integer", minimum: 1, fix: "write how many agents at most" },
  },
});

const checkCriterion = compileFields({
  type: "object",
  required: ["type"],
  additionalProperties: false,
  properties: { type: text, pattern: {}, condition: text },
});

/** Compare nothing, so that they need no pattern (StackStorm wants a dummy one). */
const patternless = new Set(["exists", "nexists"]);

type Fields = Readonly<Record<string, Json>>;

function refuse(metadata: Metadata, path: readonly string[], message: string, hint: string): false {
  metadata.report({ code: "RULE_INVALID", severity: "error", message, where: metadata.at(path), hint });
  return false;
}

/** Every criterion in file order, or `null` after reporting what is wrong with any of them. */
function readCriteria(metadata: Metadata, criteria: Fields): Record<string, Criterion> | null {
  let ok = true;
  const read = Object.entries(criteria).map(([key, value]): [string, Criterion] => {
    const base = ["criteria", key];
    const options = { code: "RULE_INVALID", base, value, unknown: "warning" } as const;
    if (!checkFields(checkCriterion, metadata, options)) ok = false;
    const { type, pattern, condition } = (isObject(value) ? value : {}) as Fields;
    if (isObject(value) && typeof type === "string" && pattern == null && !patternless.has(type)) {
      const hint = "add 'pattern: …', or use 'exists' or 'nexists'";
      ok = refuse(metadata, base, `the criterion '${key}' has no pattern`, hint);
    }
    return [
      key,
      {
        type: typeof type === "string" ? type : "",
        pattern: pattern ?? null,
        ...(typeof condition === "string" && { condition }),
      },
    ];
  });
  // fromEntries, since a key is the author's text and might be "__proto__".
  return ok ? Object.fromEntries(read) : null;
}

/** `undefined` when the rule names none; `null` after reporting RULE_INVALID. */
function readTarget(metadata: Metadata, target: Json | undefined): ActionTarget | undefined | null {
  if (target === undefined) return undefined;
  const path = ["action", "target"];
  if (target === "origin" || target === "hub") return target;
  const hint = "write origin, hub, {host: NAME} or {labels: {role: web}, mode: all}";
  if (typeof target === "string") {
    refuse(metadata, path, `the target ${shown(target)} is none`, hint);
    return null;
  }
  if (!checkFields(checkTarget, metadata, { code: "RULE_INVALID", base: path, value: target })) return null;
  const { host, labels: wanted, mode, limit } = withoutEmpty(target) as Fields;
  if ((host === undefined) === (wanted === undefined)) {
    refuse(metadata, path, "the target needs either 'host' or 'labels'", hint);
    return null;
  }
  if (host !== undefined) {
    if (mode === undefined && limit === undefined) return { host: host as string };
    refuse(metadata, path, "'mode' and 'limit' belong to 'labels'", "remove them: a host is one agent");
    return null;
  }
  return {
    labels: wanted as Record<string, string>,
    ...(mode !== undefined && { mode: mode as "all" | "any" }),
    ...(limit !== undefined && { limit: limit as number }),
  };
}

/** `standard` or `backstop`, written as StackStorm's `{ref: …}` or as the word alone. */
function readType(metadata: Metadata, type: Json | undefined): "standard" | "backstop" | null {
  const word = isObject(type) ? (type.ref ?? "standard") : (type ?? "standard");
  if (word === "standard" || word === "backstop") return word;
  refuse(metadata, ["type"], `the rule type ${shown(word)} does not exist`, "write 'standard' or 'backstop'");
  return null;
}

function isRefAt(metadata: Metadata, path: readonly string[], value: Json | undefined): boolean {
  if (typeof value !== "string") return false;
  if (parseRef(value) !== null) return true;
  return refuse(metadata, path, `${shown(value)} is no reference`, "write it as 'pack.name'");
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
  const criteria = readCriteria(metadata, (isObject(rule.criteria) ? rule.criteria : {}) as Fields);
  const type = readType(metadata, rule.type);
  const owned = belongsToPack(metadata, [], rule.pack);
  if (
    !fieldsOk ||
    !triggerOk ||
    !actionOk ||
    target === null ||
    criteria === null ||
    type === null ||
    !owned
  ) {
    return null;
  }
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
    criteria,
    action: {
      ref: action.ref as string,
      parameters: (action.parameters as JsonObject | undefined) ?? {},
      ...(target !== undefined && { target }),
    },
    mode: (rule.mode as RuleDefinition["mode"] | undefined) ?? "live",
    expires: (rule.expires as number | undefined) ?? 3600,
    origins: origins?.labels ?? null,
    tags: (rule.tags as Json[] | undefined) ?? [],
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
): { readonly documents: readonly RuleDocument[]; readonly problems: readonly Problem[] } {
  const reading = readYaml(content, file);
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
  };
}
