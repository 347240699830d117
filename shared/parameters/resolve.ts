/** From what is supplied to what an action gets: rendering, defaults, casting, validation (st2 docs, Actions). */
import { type ErrorCode, isPetrelError, PetrelError } from "../errors.ts";
import { jsonData, plainJson } from "../expressions/python/json-text.ts";
import { str } from "../expressions/python/text.ts";
import { Dict, dictEntries, isDict } from "../expressions/python/values.ts";
import { noSlowRegex, type RegexOracle } from "../expressions/regex/answer.ts";
import type { Scope } from "../expressions/run.ts";
import { compileTemplate, isTemplate } from "../expressions/template.ts";
import type { JsonObject } from "../json.ts";
import type { ParameterSchema, ParameterSchemas } from "../model/pack.ts";
import { castValue } from "./casts.ts";
import { plainOracle } from "./plain-oracle.ts";
import { allowNull, withDefaults } from "./schema.ts";
import { refuseOversized } from "./size.ts";
import { checkValue } from "./value-check.ts";

export interface ResolveInput {
  /** The action's own parameter definitions. */
  readonly action: ParameterSchemas;
  /** Those of its runner. */
  readonly runner: ParameterSchemas;
  /** Values from the rule or the caller; texts in them may be templates. */
  readonly supplied: { readonly [name: string]: unknown };
  /** Other names that templates see: `trigger`, `st2kv`, `action_context`, `config_context` … */
  readonly context: Scope;
  readonly regex?: RegexOracle;
  /** Without it, supplied values are data and only the templates of defaults are rendered (`petrel run`). */
  readonly renderSupplied?: boolean;
}

export interface ResolvedValues {
  /** What was supplied, rendered and cast, and the defaults that are templates: what StackStorm shows on an execution. */
  readonly live: ReadonlyMap<string, unknown>;
  /** With all defaults, for the runner and for the action. */
  readonly runnerParameters: ReadonlyMap<string, unknown>;
  readonly parameters: ReadonlyMap<string, unknown>;
}

/** The same as plain JSON, for records and the wire. */
export interface ResolvedParameters {
  readonly runner_parameters: JsonObject;
  readonly parameters: JsonObject;
}

interface TemplateNode {
  readonly render: (scope: Scope) => unknown;
  readonly names: ReadonlySet<string>;
  /** It opens a secret of the datastore. */
  readonly unseals: boolean;
}
type Node = TemplateNode | { readonly value: unknown };

/**
 * Throws PARAMETER_INVALID, PARAMETER_UNKNOWN, PARAMETER_MISSING, PARAMETER_IMMUTABLE, PARAMETER_DEPENDENCY,
 * EXPRESSION_*, and RegexNeeded.
 */
export function resolveValues(input: ResolveInput): ResolvedValues {
  const { action, runner, supplied } = input;
  const schemas = [action, runner];
  const first = new Graph(input);
  for (const [name, value] of Object.entries(supplied)) {
    if (input.renderSupplied === false) first.put(name, value);
    else first.process(name, value);
  }
  first.processDefaults(schemas);
  const rendered = first.resolve();

  const live = new Map<string, unknown>();
  for (const name of Object.keys(supplied)) live.set(name, cast(name, rendered.get(name), schemas));
  for (const table of schemas) {
    for (const [name, schema] of Object.entries(table)) {
      if (schema.immutable === true || live.has(name)) continue;
      const { default: standard } = schema;
      if (typeof standard !== "string" || !isTemplate(standard) || rendered.get(name) === standard) continue;
      live.set(name, castValue(name, rendered.get(name), schema.type));
    }
  }
  validate(live, action, runner);

  const second = new Graph(input);
  for (const [name, value] of live) second.put(name, value);
  second.processDefaults(schemas);
  const complete = second.resolve();
  const runnerParameters = new Map<string, unknown>();
  const parameters = new Map<string, unknown>();
  for (const name of new Set([...live.keys(), ...Object.keys(action), ...Object.keys(runner)])) {
    const own = Object.hasOwn(runner, name)
      ? runnerParameters
      : Object.hasOwn(action, name)
        ? parameters
        : null;
    own?.set(name, cast(name, complete.get(name) ?? null, schemas));
  }
  return { live, runnerParameters, parameters };
}

/**
 * As `resolveValues`, in plain JSON: whole floats become integers, integers beyond 2^53 lose digits. PARAMETER_INVALID
 * also for what is too large to send.
 */
export function resolveParameters(input: ResolveInput): ResolvedParameters {
  const values = resolveValues(input);
  const runner_parameters = plainJson(Object.fromEntries(values.runnerParameters)) as JsonObject;
  const parameters = plainJson(Object.fromEntries(values.parameters)) as JsonObject;
  refuseOversized(parameters, runner_parameters);
  return { runner_parameters, parameters };
}

/** The runner's declaration decides where both have one, as there. */
function cast(name: string, value: unknown, schemas: readonly ParameterSchemas[]): unknown {
  const schema = schemas.findLast((table) => Object.hasOwn(table, name))?.[name];
  return castValue(name, value, schema?.type);
}

/** Names that depend on each other through templates. */
class Graph {
  readonly #nodes = new Map<string, Node>();
  readonly #regex: RegexOracle;
  readonly #isSecret: (name: string) => boolean;

  constructor({ context, regex, action, runner }: ResolveInput) {
    this.#regex = regex ?? noSlowRegex;
    this.#isSecret = (name) =>
      [action, runner].some((table) => Object.hasOwn(table, name) && table[name]?.secret === true);
    for (const [name, value] of Object.entries(context)) this.put(name, value);
  }

  put(name: string, value: unknown): void {
    this.#nodes.set(name, { value });
  }

  /** A text, or one inside a list or object, that has a template makes the whole value a template. */
  process(name: string, value: unknown): void {
    const names = new Set<string>();
    const sources: string[] = [];
    const render = withWhere(name, () => compileLeaf(value, true, { names, sources }, this.#regex));
    const unseals = sources.some((source) => source.includes("decrypt_kv"));
    this.#nodes.set(name, render === null ? { value } : { render, names, unseals });
  }

  /** Where a name is absent, null or immutable its default counts; the action's before the runner's. */
  processDefaults(schemas: readonly ParameterSchemas[]): void {
    for (const table of schemas) {
      for (const [name, schema] of Object.entries(table)) {
        const node = this.#nodes.get(name);
        const empty = node === undefined || ("value" in node && (node.value ?? null) === null);
        if (empty || schema.immutable === true) this.process(name, schema.default ?? null);
      }
    }
  }

  /** All values, each rendered after those it names. */
  resolve(): ReadonlyMap<string, unknown> {
    const done = new Map<string, unknown>();
    const open = new Set<string>();
    const scope: Record<string, unknown> = Object.create(null);
    const visit = (name: string): void => {
      const node = this.#nodes.get(name);
      if (node === undefined || done.has(name)) return;
      if (open.has(name)) throw cycle([...open].slice([...open].indexOf(name)));
      open.add(name);
      if ("render" in node) for (const needed of node.names) visit(needed);
      const value = "render" in node ? this.#rendered(name, node, scope) : node.value;
      done.set(name, value);
      scope[name] = value;
      open.delete(name);
    };
    for (const name of this.#nodes.keys()) visit(name);
    return done;
  }

  #rendered(name: string, node: TemplateNode, scope: Scope): unknown {
    try {
      return withWhere(name, () => node.render(scope));
    } catch (error) {
      // Of a secret that cannot be read there is nothing to tell but why.
      if (isPetrelError(error) && unreadable.has(error.code)) throw error;
      const isSecret = node.unseals || [name, ...node.names].some(this.#isSecret);
      throw isSecret ? withoutQuotes(name, error) : error;
    }
  }
}

const unreadable: ReadonlySet<ErrorCode> = new Set(["KEY_FILE", "KEY_UNREADABLE"]);

/** What went wrong with a secret is told without what it is: messages of evaluations quote values. */
function withoutQuotes(name: string, error: unknown): unknown {
  if (!isPetrelError(error)) return error;
  return new PetrelError(error.code, `parameter '${name}': its template cannot be rendered`, {
    where: `parameters.${name}`,
    hint: error.hint,
  });
}

function cycle(names: readonly string[]): PetrelError {
  return new PetrelError(
    "PARAMETER_DEPENDENCY",
    `Cyclic dependency found in the following variables: ${[...names].sort().join(", ")}`,
    { hint: "a parameter's template must not lead back to the parameter itself" },
  );
}

/** Errors say which parameter they are about. */
function withWhere<T>(name: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!isPetrelError(error) || error.where !== undefined || error.code === "PARAMETER_DEPENDENCY")
      throw error;
    throw new PetrelError(error.code, `parameter '${name}': ${error.message}`, {
      where: `parameters.${name}`,
      hint: error.hint,
      cause: error,
    });
  }
}

/** What was met on the way through a value. */
interface SeenTemplates {
  /** That its templates need. */
  readonly names: Set<string>;
  readonly sources: string[];
}

/**
 * A function that renders every template inside `value`; `null` when there is none. At the top a template gives text,
 * which casting reads by the declared type; inside a list or object an expression keeps its type.
 */
function compileLeaf(
  value: unknown,
  top: boolean,
  seen: SeenTemplates,
  regex: RegexOracle,
): ((scope: Scope) => unknown) | null {
  if (typeof value === "string") {
    if (!isTemplate(value)) return null;
    const template = compileTemplate(value);
    for (const name of template.names) seen.names.add(name);
    seen.sources.push(value);
    return top
      ? (scope) => template.render(scope, regex)
      : (scope) => jsonData(template.evaluate(scope, regex));
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => compileLeaf(item, false, seen, regex));
    if (items.every((item) => item === null)) return null;
    return (scope) =>
      value.map((item, i) => {
        const render = items[i] ?? null;
        return render === null ? item : render(scope);
      });
  }
  if (!isDict(value)) return null;
  const entries = dictEntries(value).map(([key, item]) => ({
    key,
    item,
    renderKey: compileLeaf(key, true, seen, regex),
    render: compileLeaf(item, false, seen, regex),
  }));
  if (entries.every((entry) => entry.renderKey === null && entry.render === null)) return null;
  return (scope) => {
    const pairs = entries.map(
      ({ key, item, renderKey, render }) =>
        [renderKey === null ? key : str(renderKey(scope)), render === null ? item : render(scope)] as const,
    );
    return value instanceof Dict ? Dict.of(pairs) : Object.fromEntries(pairs);
  };
}

/** Runner definitions with what the action says on top, deeply. */
function merged(lower: ParameterSchemas, upper: ParameterSchemas): Record<string, ParameterSchema> {
  const result: Record<string, ParameterSchema> = Object.assign(Object.create(null), lower);
  for (const [name, schema] of Object.entries(upper)) {
    result[name] = Object.hasOwn(lower, name) ? { ...lower[name], ...schema } : schema;
  }
  return result;
}

const ANY_TYPE = {
  anyOf: ["array", "boolean", "integer", "number", "object", "string"].map((type) => ({ type })),
};

type Schema = { readonly [keyword: string]: unknown };
/** By the action's table, then the runner's: both live as long as their pack, and are asked about for each execution. */
const known = new WeakMap<ParameterSchemas, WeakMap<ParameterSchemas, Schema | null>>();

/**
 * What all parameters together must fit, null allowed where StackStorm allows it; `null` when nothing is declared:
 * then anything goes.
 */
export function parametersSchema(action: ParameterSchemas, runner: ParameterSchemas): Schema | null {
  const ofAction = known.get(action) ?? new WeakMap<ParameterSchemas, Schema | null>();
  known.set(action, ofAction);
  const before = ofAction.get(runner);
  if (before !== undefined) return before;
  const tables = Object.entries(merged(runner, action));
  const properties = Object.fromEntries(
    tables.map(([name, schema]) => [name, Object.keys(schema).length === 0 ? ANY_TYPE : schema]),
  );
  const schema =
    tables.length === 0 ? null : allowNull({ type: "object", properties, additionalProperties: false });
  ofAction.set(runner, schema);
  return schema;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  additionalProperties: "PARAMETER_UNKNOWN",
  required: "PARAMETER_MISSING",
};

function validate(
  live: ReadonlyMap<string, unknown>,
  action: ParameterSchemas,
  runner: ParameterSchemas,
): void {
  const schema = parametersSchema(action, runner);
  if (schema !== null) {
    const problems = checkValue(schema, withDefaults(schema, Object.fromEntries(live)), {
      regex: plainOracle,
    });
    const [worst] = problems;
    if (worst !== undefined) {
      const code =
        worst.path.length === 0 ? (CODES[worst.keyword] ?? "PARAMETER_INVALID") : "PARAMETER_INVALID";
      const texts = problems.map(({ path, message }) =>
        path.length === 0 ? message : `parameter '${path.join(".")}': ${message}`,
      );
      throw new PetrelError(code, texts.join("; "));
    }
  }
  const fixed = [...live.keys()].filter(
    (name) =>
      (Object.hasOwn(action, name) && action[name]?.immutable === true) ||
      (Object.hasOwn(runner, name) && runner[name]?.immutable === true),
  );
  if (fixed.length > 0) {
    throw new PetrelError("PARAMETER_IMMUTABLE", `parameters that may not be given: ${fixed.join(", ")}`, {
      hint: "leave them out",
    });
  }
}
