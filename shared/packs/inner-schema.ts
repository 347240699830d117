/** The schema of what lies in an object or a list, by draft 4's keywords. Pure. */
import type { RegexOracle } from "../expressions/regex/answer.ts";
import { compilePattern } from "../expressions/regex/pattern.ts";
import { isObject } from "../json.ts";
import type { ParameterSchema } from "../model/pack.ts";

const asSchema = (value: unknown): ParameterSchema | undefined =>
  isObject(value) ? (value as ParameterSchema) : undefined;

/**
 * Of the member `name`: `properties`, else the `patternProperties` that fit, else `additionalProperties`. A pattern that
 * cannot be read here fits everything: then too much is called secret, and not too little.
 */
export function memberSchema(schema: ParameterSchema | undefined, name: string): ParameterSchema | undefined {
  if (schema === undefined) return undefined;
  const { properties, patternProperties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name];
  const fitting = Object.entries(isObject(patternProperties) ? patternProperties : {})
    .filter(([pattern]) => fits(pattern, name) ?? true)
    .map(([, own]) => asSchema(own));
  return fitting.find((own) => own?.secret === true) ?? fitting[0] ?? asSchema(additionalProperties);
}

/**
 * As `memberSchema`, for what a schema adds to values: a pattern that cannot be read here fits nothing, and where only such
 * a pattern could fit, `additionalProperties` does not hold either, as nobody can tell.
 */
export function memberSchemaForDefaults(schema: ParameterSchema, name: string): ParameterSchema | undefined {
  const { properties, patternProperties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name];
  let isUnclear = false;
  for (const [pattern, own] of Object.entries(isObject(patternProperties) ? patternProperties : {})) {
    const isFitting = fits(pattern, name);
    if (isFitting === true) return asSchema(own);
    isUnclear ||= isFitting === null;
  }
  return isUnclear ? undefined : asSchema(additionalProperties);
}

/** Of the item at `index`: `items`, or where that is a list its own, else `additionalItems`. */
export function itemSchema(schema: ParameterSchema | undefined, index: number): ParameterSchema | undefined {
  const items: unknown = schema?.items;
  if (!Array.isArray(items)) return asSchema(items);
  return asSchema(items[index] ?? schema?.additionalItems);
}

/** Nobody waits here for the slow engine. */
const unanswered: RegexOracle = () => {
  throw new Error("a pattern that only the slow engine takes");
};

/** `null`: the pattern is none, or none that this engine takes (look-ahead, back references). */
function fits(pattern: string, name: string): boolean | null {
  try {
    return compilePattern(pattern).test(name, false, unanswered);
  } catch {
    return null;
  }
}
