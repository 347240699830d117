/** Masks what a schema calls `secret: true`, at any depth, and keeps a masked value from being stored back. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { ParameterSchema, ParameterSchemas } from "../../shared/model/pack.ts";

/** What people see in place of a secret (st2 docs, Secrets masking). */
export const mask = "********";

type Hide = (value: Json) => Json;

const hide: Hide = (value) => (value === null ? null : mask);
/** A template in a rule or a configuration names where the secret is; its author has to see it. */
const hideUnlessTemplate: Hide = (value) =>
  typeof value === "string" && /\{\{|\{%/.test(value) ? value : hide(value);

function masked(schema: ParameterSchema | undefined, value: Json, hiding: Hide): Json {
  if (schema?.secret === true) return hiding(value);
  if (Array.isArray(value)) return value.map((item: Json) => masked(schema?.items, item, hiding));
  if (isObject(value) && schema?.properties)
    return maskedObject(schema.properties, value as JsonObject, hiding);
  return value;
}

function maskedObject(schemas: ParameterSchemas, values: JsonObject, hiding: Hide): JsonObject {
  const entries = Object.entries(values).map(([name, value]): [string, Json] => [
    name,
    masked(schemas[name], value, hiding),
  ]);
  return Object.fromEntries(entries);
}

/** `null` schemas: the action is not registered any more, nobody can tell what was secret, so all of it is. */
function maskedParameters(schemas: ParameterSchemas | null, values: JsonObject, hiding: Hide): JsonObject {
  const entries = Object.entries(values).map(([name, value]): [string, Json] => {
    return [name, masked(schemas === null ? { secret: true } : schemas[name], value, hiding)];
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
  return maskedObject(schemas, config, hideUnlessTemplate);
}

/** `incoming` with each secret that is still the mask replaced by what is stored: reading and writing back is safe. */
export function keepMasked(schemas: ParameterSchemas, incoming: JsonObject, stored: JsonObject): JsonObject {
  const entries = Object.entries(incoming).map(([name, value]): [string, Json] => {
    const schema = schemas[name];
    const before = Object.hasOwn(stored, name) ? stored[name] : undefined;
    if (schema?.secret === true && value === mask && before !== undefined) return [name, before];
    if (!isObject(value) || !schema?.properties) return [name, value];
    const inner = isObject(before) ? (before as JsonObject) : {};
    return [name, keepMasked(schema.properties, value as JsonObject, inner)];
  });
  return Object.fromEntries(entries);
}
