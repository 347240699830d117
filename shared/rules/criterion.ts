/** One criterion, compiled: look the value up, render the pattern, compare; failures are values. */
import { errorReport, isPetrelError, PetrelError } from "../errors.ts";
import { KeyLookup } from "../expressions/datastore-lookup.ts";
import { compileFirst } from "../expressions/jsonpath.ts";
import { iterate } from "../expressions/python/sequence.ts";
import { dictEntries, isDict } from "../expressions/python/values.ts";
import type { Scope } from "../expressions/run.ts";
import { nearest } from "../nearest.ts";
import { type CriteriaPattern, compileCriteriaPattern } from "./criteria-pattern.ts";
import {
  type Comparison,
  findOperator,
  type Operator,
  type OperatorEnvironment,
  operatorNames,
  SEARCH,
  SEARCH_CONDITIONS,
  type TextNeeds,
} from "./operators.ts";

/** What one criterion said. */
export interface Verdict {
  /** The value looked up; `null` when the key finds nothing, or the look-up failed. */
  readonly value: unknown;
  /** The pattern as rendered; as written when rendering failed. */
  readonly pattern: unknown;
  /** `null` when it could not be judged; such a criterion does not hold. */
  readonly result: boolean | null;
  /** `CODE: text`, why it could not be judged, or what failed inside a `search` that did not match. */
  readonly error: string | null;
}

export interface CompiledCriterion {
  readonly key: string;
  readonly operator: string;
  /** Criteria of the same path look up the same value. */
  readonly path: string;
  readonly lookUp: LookUp;
  /** What `judge` says of a value, in short, where the pattern is constant; it throws what `judge` puts in words. */
  readonly compare: Comparison | null;
  /** The constant that a plain field has to equal, for the index; `undefined` when it is no such criterion. */
  readonly indexable: { readonly value: unknown } | undefined;
  /** What a text in a plain field has to have for the criterion to hold, for the index; it is no text that can fail. */
  readonly needs: TextNeeds | undefined;
  /** The pattern of every verdict, where no trigger changes it. */
  readonly constant: { readonly pattern: unknown } | undefined;
  /** Whether judging it can fail for any value at all. */
  readonly mayFail: boolean;
  judge(scope: Scope, environment: OperatorEnvironment): Verdict;
}

/** What a rule's file says of a criterion; checked here, since stored rules may be older than the checks. */
export interface WrittenCriterion {
  readonly type: string;
  readonly pattern?: unknown;
  readonly condition?: unknown;
}

/** The value of a criterion's key. Throws what Python would, unless the key is a chain of plain fields. */
export type LookUp = (scope: Scope) => unknown;

/** A key up to its `#`; the rest only makes keys differ. Throws CRITERIA_KEY. */
export function keyPath(key: string): string {
  return key.split("#", 1)[0] ?? "";
}

/** Of several values only the first counts; none is null. */
function compileLookUp(path: string): LookUp {
  const find = compileFirst(path);
  return (scope) => {
    const value = find(scope);
    return value instanceof KeyLookup ? (value.value ?? null) : (value ?? null);
  };
}

/** Throws CRITERIA_OPERATOR, CRITERIA_KEY, CRITERIA_REGEX, EXPRESSION_SYNTAX, RULE_INVALID for a wrong definition. */
export function compileCriterion(key: string, written: WrittenCriterion): CompiledCriterion {
  const path = keyPath(key);
  const lookUp = compileLookUp(path);
  if (written.type === SEARCH) return compileSearch(key, path, lookUp, written);
  const operator = findOperator(written.type);
  if (operator === undefined) throw unknownOperator(written.type);
  if (operator.needsPattern && (written.pattern === undefined || written.pattern === null)) {
    throw new PetrelError("RULE_INVALID", `criterion '${key}' has no pattern`, {
      hint: `add a line 'pattern:' below 'type: ${written.type}'`,
    });
  }
  const pattern = compileCriteriaPattern(written.pattern ?? null);
  const compare = comparison(operator, pattern);
  const simple = /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*$/.test(path);
  const total = ["equals", "eq", "nequals", "neq", "exists", "nexists"].includes(operator.name);
  const equals = operator.name === "equals" || operator.name === "eq";
  return {
    key,
    operator: operator.name,
    path,
    lookUp,
    compare: pattern.constant ? compare(pattern.value) : null,
    indexable: pattern.constant && simple && equals ? { value: pattern.value } : undefined,
    needs:
      pattern.constant && simple && typeof pattern.value === "string"
        ? operator.needs(pattern.value)
        : undefined,
    constant: pattern.constant ? { pattern: pattern.value } : undefined,
    mayFail: !(simple && total && pattern.constant),
    judge: (scope, environment) =>
      judge(scope, environment, written.pattern ?? null, lookUp, pattern, compare),
  };
}

export function unknownOperator(type: unknown): PetrelError {
  const near = nearest(String(type), operatorNames());
  return new PetrelError("CRITERIA_OPERATOR", `unknown operator '${String(type)}'`, {
    hint: near === null ? `operators are ${operatorNames().join(", ")}` : `did you mean '${near}'?`,
  });
}

/** Prepared once for a constant pattern, for each trigger otherwise. A malformed constant pattern throws here. */
function comparison(operator: Operator, pattern: CriteriaPattern): (pattern: unknown) => Comparison {
  if (!pattern.constant) return operator.prepare;
  const prepared = prepareChecked(operator, pattern.value);
  return () => prepared;
}

function prepareChecked(operator: Operator, pattern: unknown): Comparison {
  try {
    return operator.prepare(pattern);
  } catch (error) {
    // A pattern of a wrong type is a matter of each evaluation, like a value of a wrong type.
    if (isPetrelError(error) && error.code === "CRITERIA_TYPE") return () => fault(error);
    throw error;
  }
}

function fault(error: unknown): never {
  throw error;
}

/** In StackStorm's order: the pattern is rendered, the value looked up, the two compared; the first failure ends it. */
function judge(
  scope: Scope,
  environment: OperatorEnvironment,
  written: unknown,
  lookUp: LookUp,
  pattern: CriteriaPattern,
  compare: (pattern: unknown) => Comparison,
): Verdict {
  let rendered: unknown = written;
  let value: unknown = null;
  let rendering = true;
  try {
    rendered = pattern.constant ? pattern.value : pattern.render(scope, environment.regex);
    rendering = false;
    value = lookUp(scope);
    return { value, pattern: rendered, result: compare(rendered)(value, environment), error: null };
  } catch (error) {
    return {
      value: value === null ? lookUpAnyway(lookUp, scope) : value,
      pattern: rendered,
      result: null,
      error: failure(error, rendering),
    };
  }
}

/** For the explanation: the value is of interest even when the pattern failed. */
function lookUpAnyway(lookUp: LookUp, scope: Scope): unknown {
  try {
    return lookUp(scope);
  } catch {
    // The look-up's own failure is the one reported, or comes after the one reported.
    return null;
  }
}

/** `CODE: text`. Whatever is no refusal goes on up: faults of ours, and questions to the slow engine. */
export function failure(error: unknown, rendering = false): string {
  if (!isPetrelError(error)) throw error;
  const report = errorReport(error);
  const code = report.code === "EXPRESSION_TYPE" && !rendering ? "CRITERIA_TYPE" : report.code;
  return `${code}: ${report.message}`;
}

/** `search`: child criteria over each element, seen as `item` (st2 docs, Rules: search). */
function compileSearch(
  key: string,
  path: string,
  lookUp: LookUp,
  written: WrittenCriterion,
): CompiledCriterion {
  const condition = SEARCH_CONDITIONS.find((known) => known === written.condition);
  if (condition === undefined) {
    throw new PetrelError("RULE_INVALID", `criterion '${key}': search needs a condition`, {
      hint: `add 'condition:' with one of ${SEARCH_CONDITIONS.join(", ")}`,
    });
  }
  const { pattern } = written;
  if (!isDict(pattern)) {
    throw new PetrelError("RULE_INVALID", `criterion '${key}': the pattern of a search is a map of criteria`);
  }
  const children = dictEntries(pattern).map(([name, child]) => {
    if (!isDict(child) || typeof (child as { type?: unknown }).type !== "string") {
      throw new PetrelError("RULE_INVALID", `criterion '${key}': '${String(name)}' has no type`);
    }
    return compileCriterion(String(name), child as unknown as WrittenCriterion);
  });
  const everyItem = condition === "all" || condition === "all2any";
  const everyChild = condition === "any" || condition === "all";
  return {
    key,
    operator: SEARCH,
    path,
    lookUp,
    compare: null,
    indexable: undefined,
    needs: undefined,
    constant: { pattern },
    mayFail: true,
    judge: (scope, environment) => {
      let value: unknown = null;
      try {
        value = lookUp(scope);
        const items = isDict(value) ? [value] : iterate(value);
        const outcome = searchItems(items, children, everyChild, scope, environment);
        const result = everyItem ? outcome.held.every(Boolean) : outcome.held.some(Boolean);
        return { value, pattern, result, error: result ? null : outcome.error };
      } catch (error) {
        return { value, pattern, result: null, error: failure(error) };
      }
    },
  };
}

/** Every child of every element is judged; a failing child does not hold, and the first failure is kept. */
function searchItems(
  items: readonly unknown[],
  children: readonly CompiledCriterion[],
  everyChild: boolean,
  scope: Scope,
  environment: OperatorEnvironment,
): { held: boolean[]; error: string | null } {
  let error: string | null = null;
  const { trigger: _hidden, ...rest } = scope;
  const held = items.map((item) => {
    const results = children.map((child) => {
      const verdict = child.judge({ ...rest, item }, environment);
      error ??= verdict.error;
      return verdict.result === true;
    });
    return everyChild ? results.every(Boolean) : results.some(Boolean);
  });
  return { held, error };
}
