/** Masks what a schema calls `secret: true`, at any depth. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { ActionDefinition } from "../../shared/model/action.ts";
import type { ParameterSchema, ParameterSchemas } from "../../shared/model/pack.ts";
import { itemSchema, memberSchema } from "../../shared/packs/inner-schema.ts";

/** What people see in place of a secret (st2 docs, Secrets masking). */
export const mask = "********";

/** Where a value lies in what it was found in. */
export type Path = readonly (string | number)[];

type Hide = (value: Json, path: Path) => Json;

const hide: Hide = (value) => (value === null ? null : mask);
/** A template in a rule or a configuration names where the secret is; its author has to see it. */
const hideUnlessTemplate: Hide = (value, path) =>
  typeof value === "string" && /\{\{|\{%/.test(value) ? value : hide(value, path);

function masked(schema: ParameterSchema | undefined, value: Json, hiding: Hide, path: Path = []): Json {
  if (schema?.secret === true) return hiding(value, path);
  if (schema === undefined) return value;
  if (Array.isArray(value))
    return value.map((item: Json, at) => masked(itemSchema(schema, at), item, hiding, [...path, at]));
  return isObject(value) ? maskedObject(schema, value as JsonObject, hiding, path) : value;
}

function maskedObject(
  schema: ParameterSchema,
  values: JsonObject,
  hiding: Hide,
  path: Path = [],
): JsonObject {
  const entries = Object.entries(values).map(([name, value]): [string, Json] => [
    name,
    masked(memberSchema(schema, name), value, hiding, [...path, name]),
  ]);
  return Object.fromEntries(entries);
}

/** `null` schemas: the action is not registered any more, nobody can tell what was secret, so all of it is. */
function maskedParameters(schemas: ParameterSchemas | null, values: JsonObject, hiding: Hide): JsonObject {
  const entries = Object.entries(values).map(([name, value]): [string, Json] => {
    return [name, masked(schemas === null ? { secret: true } : schemas[name], value, hiding, [name])];
  });
  return Object.fromEntries(entries);
}

/** Parameters of an execution: final values, in which nothing is a template any more. */
export function maskParameters(schemas: ParameterSchemas | null, values: JsonObject): JsonObject {
  return maskedParameters(schemas, values, hide);
}

/** Parameters as a rule's author wrote them. */
export function maskRuleParameters(schemas: ParameterSchemas | null, values: JsonObject): JsonObject {
  return maskedParameters(schemas, values, hideUnlessTemplate);
}

/** A pack's configuration as people may see it. */
export function maskConfig(schemas: ParameterSchemas, config: JsonObject): JsonObject {
  return maskedObject({ properties: schemas }, config, hideUnlessTemplate);
}

/** The same of anything in it. */
export function maskConfigValue(schema: ParameterSchema | undefined, value: Json): Json {
  return masked(schema, value, hideUnlessTemplate);
}

/** Keywords of draft 4 under which schemas stand: by name, and alone or in a list. */
const namedSchemas = ["properties", "patternProperties"];
const innerSchemas = ["items", "additionalItems", "additionalProperties", "allOf", "anyOf", "oneOf"];

/** A schema as people may see it: the defaults of what is secret are masked, wherever they stand. */
export function maskSchema(schema: ParameterSchema, isSecret = false): ParameterSchema {
  const secret = isSecret || schema.secret === true;
  const inner = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inner);
    return isObject(value) ? maskSchema(value as ParameterSchema, secret) : value;
  };
  const members = (value: unknown): unknown =>
    isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, inner(member)]))
      : value;
  const entries = Object.entries(schema).map(([keyword, value]): [string, unknown] => {
    if (keyword === "default")
      return [keyword, masked({ ...schema, secret }, value as Json, hideUnlessTemplate)];
    if (namedSchemas.includes(keyword)) return [keyword, members(value)];
    return [keyword, innerSchemas.includes(keyword) ? inner(value) : value];
  });
  return Object.fromEntries(entries);
}

export function maskSchemas(schemas: ParameterSchemas): ParameterSchemas {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, maskSchema(schema)]));
}

/** Where a runner puts what an action has to say (st2 docs, Action Runners: output_key). */
const outputKeys: Readonly<Record<string, string>> = {
  "python-script": "result",
  "node-script": "result",
  "local-shell-cmd": "stdout",
  "local-shell-script": "stdout",
  "http-request": "body",
};

/**
 * A result without what the action's `output_schema` calls secret: a whole schema, or one for each member. A text where
 * the schema has secrets inside is output that was cut or is no JSON: nobody can tell where they are in it, so all of it is
 * masked.
 */
export function maskResult(
  action: Pick<ActionDefinition, "output_schema" | "runner_type">,
  result: Json,
): Json {
  return maskedResult(action, result, hide);
}

/** The same for `late_result`, which is a result with what else was reported. */
export function maskLateResult(
  action: Pick<ActionDefinition, "output_schema" | "runner_type">,
  late: Json,
): Json {
  if (!isObject(late)) return late;
  return { ...(late as JsonObject), result: maskedResult(action, (late.result as Json) ?? null, hide) };
}

function maskedResult(
  { output_schema, runner_type }: Pick<ActionDefinition, "output_schema" | "runner_type">,
  result: Json,
  hiding: Hide,
): Json {
  const key = outputKeys[runner_type];
  if (output_schema === null || key === undefined) return result;
  // A large one that was cut is a text: see below.
  if (typeof result === "string" && namesSecret(output_schema)) return hiding(result, []);
  if (!isObject(result)) return result;
  const values = result as JsonObject;
  const output = values[key];
  if (output === undefined) return result;
  if (typeof output === "string" && output !== "" && namesSecret(output_schema)) {
    return { ...values, [key]: hiding(output, [key]) };
  }
  const isWhole = typeof output_schema.type === "string" || typeof output_schema.secret === "boolean";
  const schema = (isWhole ? output_schema : { properties: output_schema }) as ParameterSchema;
  return { ...values, [key]: masked(schema, output, hiding, [key]) };
}

/** Secret values, each with its place. */
export type Taken = readonly (readonly [path: Path, value: Json])[];

/** What people may see of a value, and what was taken out of it. */
export interface Divided<T extends Json = Json> {
  readonly shown: T;
  readonly taken: Taken;
}

function dividing<T extends Json>(mask: (hiding: Hide) => T, hiding: Hide): Divided<T> {
  const taken: (readonly [Path, Json])[] = [];
  const shown = mask((value, path) => {
    const seen = hiding(value, path);
    if (seen !== value) taken.push([path, value]);
    return seen;
  });
  return { shown, taken };
}

/** So many secrets of one parameter keep their places; one with more is masked whole. */
export const mostPlaces = 1_000;

/** As `maskParameters`, with what it masks. */
export function divideParameters(schemas: ParameterSchemas, values: JsonObject): Divided<JsonObject> {
  const divided = Object.entries(values).map(([name, value]) => {
    const { shown, taken } = dividing((hiding) => masked(schemas[name], value, hiding, [name]), hide);
    return taken.length > mostPlaces ? whole(name, value) : { name, shown, taken };
  });
  return {
    shown: Object.fromEntries(divided.map(({ name, shown }) => [name, shown])),
    taken: divided.flatMap(({ taken }) => taken),
  };
}

const whole = (name: string, value: Json) => ({ name, shown: mask, taken: [[[name], value]] as Taken });

/**
 * Where a mask stands for a secret that could not be kept: nothing may take it for one. A parameter that is a mask as a
 * whole counts, whatever its schema (see `mostPlaces`).
 */
export function masksIn(schemas: ParameterSchemas, values: JsonObject): readonly string[] {
  const found = new Set(Object.keys(values).filter((name) => values[name] === mask));
  maskedParameters(schemas, values, (value, path) => {
    if (value === mask) found.add(path.join("."));
    return value;
  });
  return [...found];
}

/** As `maskRuleParameters`, with what it masks. */
export function divideRuleParameters(schemas: ParameterSchemas, values: JsonObject): Divided<JsonObject> {
  return dividing((hiding) => maskedParameters(schemas, values, hiding), hideUnlessTemplate);
}

/** As `maskConfig`, with what it masks. */
export function divideConfig(schemas: ParameterSchemas, config: JsonObject): Divided<JsonObject> {
  return dividing((hiding) => maskedObject({ properties: schemas }, config, hiding), hideUnlessTemplate);
}

/** As `maskResult`, with what it masks. */
export function divideResult(
  action: Pick<ActionDefinition, "output_schema" | "runner_type">,
  result: Json,
): Divided {
  return dividing((hiding) => maskedResult(action, result, hiding), hide);
}

/**
 * Whether what the action prints while it runs is, or may turn out to hold, what its `output_schema` calls secret: a piece
 * of it cannot be masked before the whole is there.
 */
export function isStdoutSecret({
  output_schema,
  runner_type,
}: Pick<ActionDefinition, "output_schema" | "runner_type">): boolean {
  return outputKeys[runner_type] === "stdout" && namesSecret(output_schema);
}

/** Whether a schema, or anything in it, says `secret: true`. */
export function namesSecret(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(namesSecret);
  if (!isObject(schema)) return false;
  return Object.entries(schema).some(
    ([name, value]) => (name === "secret" && value === true) || namesSecret(value),
  );
}
