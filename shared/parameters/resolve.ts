/** From what is supplied to what an action gets: rendering, defaults, casting, validation (st2 docs, Actions). */
import { type ErrorCode, PetrelError } from "../errors.ts";
import { plainJson } from "../expressions/python/json-text.ts";
import type { RegexOracle } from "../expressions/regex/answer.ts";
import type { Scope } from "../expressions/run.ts";
import { isTemplate } from "../expressions/template.ts";
import type { JsonObject } from "../json.ts";
import type { ParameterSchema, ParameterSchemas } from "../model/pack.ts";
import { castValue } from "./casts.ts";
import { ParameterGraph } from "./parameter-graph.ts";
import { plainOracle } from "./plain-oracle.ts";
import { allowNull, withDefaults } from "./schema.ts";
import { refuseOversized } from "./size.ts";
import { checkValue, type ValueProblem } from "./value-check.ts";

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

/**
 * Throws PARAMETER_INVALID, PARAMETER_UNKNOWN, PARAMETER_MISSING, PARAMETER_IMMUTABLE, PARAMETER_DEPENDENCY,
 * EXPRESSION_*, and RegexNeeded.
 */
export function resolveValues(input: ResolveInput): ResolvedValues {
  const live = liveValues(input);
  const runnerParameters = new Map<string, unknown>();
  const parameters = new Map<string, unknown>();
  complete(input, live, (isRunners, name, value) => {
    (isRunners ? runnerParameters : parameters).set(name, value);
  });
  return { live: live.values, runnerParameters, parameters };
}

/**
 * As `resolveValues`, in plain JSON: whole floats become integers, integers beyond 2^53 lose digits. PARAMETER_INVALID
 * also for what is too large to send.
 */
export function resolveParameters(input: ResolveInput): ResolvedParameters {
  const runner_parameters: Record<string, unknown> = {};
  const parameters: Record<string, unknown> = {};
  complete(input, liveValues(input), (isRunners, name, value) => {
    setOwn(isRunners ? runner_parameters : parameters, name, value);
  });
  const resolved = { runner_parameters: plainly(runner_parameters), parameters: plainly(parameters) };
  refuseOversized(resolved.parameters, resolved.runner_parameters);
  return resolved;
}

/** In place. */
function plainly(values: Record<string, unknown>): JsonObject {
  for (const name of Object.keys(values)) {
    const value = values[name];
    const plain = plainJson(value);
    if (plain !== value) setOwn(values, name, plain);
  }
  return values as JsonObject;
}

/** As `Object.fromEntries` does it: `__proto__` is a name like any other. */
function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") target[name] = value;
  else Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}

interface Live {
  readonly values: ReadonlyMap<string, unknown>;
  readonly secret: ReadonlySet<string>;
}

/** What was supplied, and defaults that are templates; valid. */
function liveValues(input: ResolveInput): Live {
  const { action, runner, supplied } = input;
  const rendered = new ParameterGraph(input);
  for (const name of Object.keys(supplied)) {
    if (input.renderSupplied === false) rendered.put(name, supplied[name]);
    else rendered.process(name, supplied[name]);
  }
  rendered.processDefaults();
  rendered.resolve();

  const live = new Map<string, unknown>();
  for (const name of Object.keys(supplied)) live.set(name, cast(name, rendered.get(name), input));
  for (const table of [action, runner]) {
    for (const name of Object.keys(table)) {
      const { immutable, default: standard, type } = table[name] ?? {};
      if (immutable === true || typeof standard !== "string" || !isTemplate(standard)) continue;
      if (live.has(name) || rendered.get(name) === standard) continue;
      live.set(name, castValue(name, rendered.get(name), type));
    }
  }
  validate(live, action, runner);
  return { values: live, secret: rendered.secret };
}

/** Tells each declared parameter, cast, with the defaults of those that are absent. */
function complete(
  input: ResolveInput,
  { values: live, secret }: Live,
  tell: (isRunners: boolean, name: string, value: unknown) => void,
): void {
  const { action, runner } = input;
  const all = new ParameterGraph(input, secret);
  for (const [name, value] of live) all.put(name, value);
  all.processDefaults();
  all.resolve();
  const tellOne = (name: string): void => {
    const isRunners = Object.hasOwn(runner, name);
    if (!isRunners && !Object.hasOwn(action, name)) return;
    tell(isRunners, name, cast(name, all.get(name) ?? null, input));
  };
  for (const name of live.keys()) tellOne(name);
  for (const name of Object.keys(action)) if (!live.has(name)) tellOne(name);
  for (const name of Object.keys(runner)) {
    if (!live.has(name) && !Object.hasOwn(action, name)) tellOne(name);
  }
}

/** The runner's declaration decides where both have one, as there. */
function cast(name: string, value: unknown, { action, runner }: ResolveInput): unknown {
  const table = Object.hasOwn(runner, name) ? runner : Object.hasOwn(action, name) ? action : null;
  return castValue(name, value, table?.[name]?.type);
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
  const before = known.get(action)?.get(runner);
  if (before !== undefined) return before;
  const tables = Object.entries(merged(runner, action));
  const properties = Object.fromEntries(
    tables.map(([name, schema]) => [name, Object.keys(schema).length === 0 ? ANY_TYPE : schema]),
  );
  const schema =
    tables.length === 0 ? null : allowNull({ type: "object", properties, additionalProperties: false });
  const ofAction = known.get(action) ?? new WeakMap<ParameterSchemas, Schema | null>();
  known.set(action, ofAction.set(runner, schema));
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
    const values: Record<string, unknown> = {};
    for (const [name, value] of live) setOwn(values, name, value);
    const problems = checkValue(schema, withDefaults(schema, values), plainPatterns);
    if (problems.length > 0) throw refusal(problems);
  }
  let fixed: string[] | null = null;
  for (const name of live.keys()) {
    if (isImmutable(name, action) || isImmutable(name, runner)) fixed = [...(fixed ?? []), name];
  }
  if (fixed !== null) {
    throw new PetrelError("PARAMETER_IMMUTABLE", `parameters that may not be given: ${fixed.join(", ")}`, {
      hint: "leave them out",
    });
  }
}

const plainPatterns = { regex: plainOracle };

function isImmutable(name: string, table: ParameterSchemas): boolean {
  return Object.hasOwn(table, name) && table[name]?.immutable === true;
}

function refusal(problems: readonly ValueProblem[]): PetrelError {
  const [worst] = problems;
  const ofAll = worst?.path.length === 0 ? CODES[worst.keyword] : undefined;
  const texts = problems.map(({ path, message }) =>
    path.length === 0 ? message : `parameter '${path.join(".")}': ${message}`,
  );
  return new PetrelError(ofAll ?? "PARAMETER_INVALID", texts.join("; "));
}
