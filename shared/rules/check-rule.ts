/** What is wrong with a rule's definition, all at once, with places inside the document and hints. */
import { type ErrorCode, errorReport, isPetrelError, PetrelError } from "../errors.ts";
import { parsePath } from "../expressions/jsonpath.ts";
import { dictEntries, isDict } from "../expressions/python/values.ts";
import { compileTemplate, isTemplate } from "../expressions/template.ts";
import { parseRef } from "../ref.ts";
import { checkBuiltIn } from "./check-built-in.ts";
import { compileCriterion, keyPath, unknownOperator, type WrittenCriterion } from "./criterion.ts";
import { findOperator, SEARCH } from "./operators.ts";

export interface RuleProblem {
  readonly code: ErrorCode;
  /** A warning names what is surely not meant, and works as it does in StackStorm. */
  readonly severity: "error" | "warning";
  readonly message: string;
  /** Keys from the rule's top to the place, for instance `["criteria", "trigger.path", "type"]`. */
  readonly path: readonly (string | number)[];
  readonly hint: string | null;
}

/** The parts of a rule that hold criteria and templates; the rest is a matter of the file's schema. */
export interface CheckableRule {
  readonly trigger: { readonly type: string; readonly parameters?: { readonly [name: string]: unknown } };
  readonly criteria: { readonly [key: string]: unknown };
  readonly action: {
    readonly ref: string;
    readonly parameters: { readonly [name: string]: unknown };
    readonly target?: unknown;
  };
}

/** Pure and without any register: whether trigger type and action exist is for others to say. */
export function checkRule(rule: CheckableRule): readonly RuleProblem[] {
  const problems: RuleProblem[] = [];
  const add: Add = (path, error, severity = "error") => problems.push(problemOf(path, error, severity));
  if (parseRef(rule.trigger.type) === null) {
    add(
      ["trigger", "type"],
      new PetrelError("RULE_INVALID", `'${rule.trigger.type}' is no reference`, {
        hint: "write it as pack.name",
      }),
    );
  }
  if (parseRef(rule.action.ref) === null) {
    add(
      ["action", "ref"],
      new PetrelError("RULE_INVALID", `'${rule.action.ref}' is no reference`, {
        hint: "write it as pack.name",
      }),
    );
  }
  problems.push(...checkBuiltIn(rule.trigger));
  checkCriteria(rule.criteria, ["criteria"], "trigger", add);
  checkTemplates(rule.action.parameters, ["action", "parameters"], add);
  if (rule.action.target !== undefined) checkTemplates(rule.action.target, ["action", "target"], add);
  return problems;
}

type Path = readonly (string | number)[];
type Add = (path: Path, error: PetrelError, severity?: RuleProblem["severity"]) => void;

function problemOf(path: Path, error: PetrelError, severity: RuleProblem["severity"]): RuleProblem {
  const { code, message, fix } = errorReport(error);
  return { code, severity, message, path, hint: fix ?? null };
}

function attempt(path: Path, add: Add, body: () => unknown): boolean {
  try {
    body();
    return true;
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    add(path, error);
    return false;
  }
}

/** Keys of a search's children start with `item`, all others with `trigger`, `origin`, `late` or `system`. */
function checkCriteria(criteria: unknown, path: Path, root: "trigger" | "item", add: Add): void {
  if (!isDict(criteria)) {
    add(path, new PetrelError("RULE_INVALID", "criteria are a map of keys"));
    return;
  }
  for (const [name, criterion] of dictEntries(criteria)) {
    const key = String(name);
    const here = [...path, key];
    if (!attempt(here, add, () => parsePath(keyPath(key)))) continue;
    if (!isDict(criterion)) {
      add(
        here,
        new PetrelError("RULE_INVALID", `criterion '${key}' is no map`, {
          hint: "give it a type and a pattern",
        }),
      );
      continue;
    }
    checkCriterion(key, criterion as unknown as WrittenCriterion, here, root, add);
  }
}

function checkCriterion(
  key: string,
  criterion: WrittenCriterion,
  path: Path,
  root: "trigger" | "item",
  add: Add,
): void {
  const { type } = criterion;
  if (type === undefined || type === null) {
    add(
      path,
      new PetrelError("RULE_INVALID", `criterion '${key}' has no type`, {
        hint: "add for instance 'type: equals'",
      }),
    );
  } else if (type === SEARCH && isDict(criterion.pattern)) {
    attempt([...path, "condition"], add, () => compileCriterion(key, { ...criterion, pattern: {} }));
    checkCriteria(criterion.pattern, [...path, "pattern"], "item", add);
  } else if (type !== SEARCH && findOperator(type) === undefined) {
    add([...path, "type"], unknownOperator(type));
  } else attempt([...path, "pattern"], add, () => compileCriterion(key, criterion));
  const head = /^[^.[#]*/.exec(key)?.[0] ?? "";
  if (/^\w+$/.test(head) && ![root, "origin", "late", "system", "st2kv"].includes(head)) {
    const hint = `did you mean '${root}.${key}'?`;
    add(path, new PetrelError("CRITERIA_KEY", `key '${key}' finds nothing`, { hint }), "warning");
  }
}

/** Every text of the action's parameters that has a template in it. */
function checkTemplates(value: unknown, path: Path, add: Add): void {
  if (typeof value === "string") {
    if (isTemplate(value)) attempt(path, add, () => compileTemplate(value));
  } else if (Array.isArray(value)) {
    value.forEach((item, i) => {
      checkTemplates(item, [...path, i], add);
    });
  } else if (isDict(value)) {
    for (const [key, item] of dictEntries(value)) checkTemplates(item, [...path, String(key)], add);
  }
}
