/** A pack's configuration as its sensors and actions get it (st2 docs, Pack configuration). */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { Pack, ParameterSchemas } from "../../shared/model/pack.ts";

function withDefaults(schemas: ParameterSchemas, values: JsonObject): JsonObject {
  const filled = new Map<string, Json>(Object.entries(values));
  for (const [name, schema] of Object.entries(schemas)) {
    const given = filled.get(name);
    if (schema.properties && (given === undefined || isObject(given))) {
      const inner = withDefaults(schema.properties, (given ?? {}) as JsonObject);
      if (given !== undefined || Object.keys(inner).length > 0) filled.set(name, inner);
    } else if (given === undefined && schema.default !== undefined) {
      filled.set(name, schema.default);
    }
  }
  return Object.fromEntries(filled);
}

/** The operator's layer over the pack's own `config.yaml`, each attribute whole; the schema's defaults fill the rest. */
export function effectiveConfig(pack: Pack, operator: JsonObject): JsonObject {
  return withDefaults(pack.config_schema, { ...pack.legacy_config, ...operator });
}
