/** A pack's configuration: layers and defaults (st2 docs, Pack configuration). */
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { Pack, ParameterSchema } from "../model/pack.ts";
import { itemSchema, memberSchemaForDefaults } from "./inner-schema.ts";

/** `upper` over `lower`: maps are merged key by key, everything else is replaced; null counts as not given. */
export function overlaid(lower: JsonObject, upper: JsonObject): JsonObject {
  const merged = new Map<string, Json>(Object.entries(lower));
  for (const [key, value] of Object.entries(upper)) {
    const below = merged.get(key);
    if (value === null && below !== undefined) continue;
    merged.set(key, isObject(value) && isObject(below) ? overlaid(below as JsonObject, value) : value);
  }
  return Object.fromEntries(merged);
}

/** Fills in the schema's defaults where a key is missing or null, in maps and lists that the schema describes as well. */
function withDefaults(schema: ParameterSchema, values: JsonObject): JsonObject {
  const filled = new Map<string, Json>(Object.entries(values));
  for (const name of new Set([...Object.keys(schema.properties ?? {}), ...filled.keys()])) {
    const own = memberSchemaForDefaults(schema, name);
    if (own === undefined) continue;
    const given = filled.get(name) ?? null;
    const now = given === null && own.default !== undefined ? own.default : given;
    const whole = withInnerDefaults(own, now === null && own.properties !== undefined ? {} : now);
    if (whole !== null) filled.set(name, whole);
  }
  return Object.fromEntries(filled);
}

function withInnerDefaults(schema: ParameterSchema, value: Json): Json {
  if (Array.isArray(value))
    return value.map((item: Json, at) => withInnerDefaults(itemSchema(schema, at) ?? {}, item));
  return isObject(value) ? withDefaults(schema, value as JsonObject) : value;
}

/**
 * What sensors and actions of a pack get: the operator's layer over the pack's own `config.yaml` over the
 * schema's defaults. An object attribute with properties is always there, if only as `{}`.
 */
export function effectiveConfig(
  pack: Pick<Pack, "config_schema" | "legacy_config">,
  operator: JsonObject,
): JsonObject {
  return withDefaults({ properties: pack.config_schema }, overlaid(pack.legacy_config, operator));
}
