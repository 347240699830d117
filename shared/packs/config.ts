/** A pack's configuration: layers and defaults (st2 docs, Pack configuration). */
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { Pack, ParameterSchemas } from "../model/pack.ts";

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

/** Fills in the schema's defaults where a key is missing or null, in maps that the schema describes as well. */
function withDefaults(schemas: ParameterSchemas, values: JsonObject): JsonObject {
  const filled = new Map<string, Json>(Object.entries(values));
  for (const [name, schema] of Object.entries(schemas)) {
    const given = filled.get(name) ?? null;
    if (given === null && schema.default !== undefined) filled.set(name, schema.default);
    const now = filled.get(name) ?? null;
    if (schema.properties === undefined || (now !== null && !isObject(now))) continue;
    filled.set(name, withDefaults(schema.properties, (now ?? {}) as JsonObject));
  }
  return Object.fromEntries(filled);
}

/**
 * What sensors and actions of a pack get: the operator's layer over the pack's own `config.yaml` over the
 * schema's defaults. An object attribute with properties is always there, if only as `{}`.
 */
export function effectiveConfig(
  pack: Pick<Pack, "config_schema" | "legacy_config">,
  operator: JsonObject,
): JsonObject {
  return withDefaults(pack.config_schema, overlaid(pack.legacy_config, operator));
}
