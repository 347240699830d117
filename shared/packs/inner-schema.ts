/** The schema of what lies in an object or a list, by draft 4's keywords. Pure. */
import { compilePattern } from "../expressions/regex/pattern.ts";
import { isObject } from "../json.ts";
import type { ParameterSchema } from "../model/pack.ts";
import { plainOracle } from "../parameters/plain-oracle.ts";

const asSchema = (value: unknown): ParameterSchema | undefined =>
  isObject(value) ? (value as ParameterSchema) : undefined;

/** Of the member `name`: `properties`, else the `patternProperties` that fit, else `additionalProperties`. */
export function memberSchema(schema: ParameterSchema | undefined, name: string): ParameterSchema | undefined {
  if (schema === undefined) return undefined;
  const { properties, patternProperties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name];
  const fitting = Object.entries(isObject(patternProperties) ? patternProperties : {})
    .filter(([pattern]) => fits(pattern, name))
    .map(([, own]) => asSchema(own));
  return fitting.find((own) => own?.secret === true) ?? fitting[0] ?? asSchema(additionalProperties);
}

/** Of the item at `index`: `items`, or where that is a list its own, else `additionalItems`. */
export function itemSchema(schema: ParameterSchema | undefined, index: number): ParameterSchema | undefined {
  const items: unknown = schema?.items;
  if (!Array.isArray(items)) return asSchema(items);
  return asSchema(items[index] ?? schema?.additionalItems);
}

/** What cannot be read as a pattern fits everything: then too much is called secret, and not too little. */
function fits(pattern: string, name: string): boolean {
  try {
    return compilePattern(pattern).test(name, false, plainOracle);
  } catch {
    return true;
  }
}
