/** Parameter schemas as plain JSON schemas (st2 docs, Actions: parameters; Pack configuration). */
import { Ajv } from "ajv";
import { RE2JS } from "re2js";
import { isObject } from "../json.ts";
import type { ParameterSchema, ParameterSchemas } from "../model/pack.ts";
import type { FieldCheck } from "./fields.ts";

export interface ValueOptions {
  /** Whether a property with `required: true` has to be there; not where a further layer may bring it. */
  readonly complete: boolean;
}

/** Keywords that mean the same in both. `format` is never enforced by StackStorm, so it is left out. */
const alike = [
  "enum",
  "multipleOf",
  "minLength",
  "maxLength",
  "pattern",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
] as const;

/** What a template becomes is only known when it is rendered. */
const template = { type: "string", pattern: "\\{\\{|\\{%" };

function convert(schema: ParameterSchema, options: ValueOptions): object {
  const { type, properties, patternProperties, items, additionalProperties: rest } = schema;
  // Nothing of a secret's inside may appear in a message, so only its type is looked at.
  if (schema.secret === true) return { ...(type !== undefined && { type }), secret: true };
  const inner = (value: unknown) => (isObject(value) ? convert(value, options) : value);
  const innerMap = (map: object) =>
    Object.fromEntries(Object.entries(map).map(([name, value]) => [name, inner(value)]));
  return {
    ...(type !== undefined && { type }),
    ...Object.fromEntries(
      alike.flatMap((name) => (schema[name] === undefined ? [] : [[name, schema[name]]])),
    ),
    ...bound(schema, "minimum", "exclusiveMinimum"),
    ...bound(schema, "maximum", "exclusiveMaximum"),
    ...(isObject(items) && { items: inner(items) }),
    ...(properties !== undefined && propertiesOf(properties, options)),
    ...(isObject(patternProperties) && { patternProperties: innerMap(patternProperties) }),
    ...(rest !== undefined && { additionalProperties: inner(rest) }),
    ...Object.fromEntries(
      ["allOf", "anyOf", "oneOf"].flatMap((name) => {
        const branches = schema[name];
        return Array.isArray(branches) ? [[name, branches.map(inner)]] : [];
      }),
    ),
    ...(isObject(schema.not) && { not: inner(schema.not) }),
  };
}

/** Draft 4 says with a boolean beside the bound that the bound itself is out. */
function bound(schema: ParameterSchema, inclusive: string, exclusive: string): object {
  if (schema[inclusive] === undefined) return {};
  return { [schema[exclusive] === true ? exclusive : inclusive]: schema[inclusive] };
}

/** `required` moves from the property to the object; what is optional may also be null. */
function propertiesOf(properties: ParameterSchemas, options: ValueOptions): object {
  const converted = Object.entries(properties).map(([name, schema]): [string, object] => {
    const mayBeNull = schema.required !== true || schema.default === null || !options.complete;
    const value = convert(schema, options);
    // A condition tells the value's own errors, where anyOf would tell those of every branch.
    const open = mayBeNull ? { anyOf: [{ type: "null" }, template] } : template;
    return [name, { if: open, else: value }];
  });
  const required = Object.entries(properties).filter(([, schema]) => schema.required === true);
  return {
    properties: Object.fromEntries(converted),
    ...(options.complete && required.length > 0 && { required: required.map(([name]) => name) }),
  };
}

/** Patterns come with packs: they run on an engine that takes linear time. One that it cannot read is not enforced. */
function linearPattern(pattern: string): { test(text: string): boolean } {
  try {
    const compiled = RE2JS.compile(pattern, RE2JS.LOOKBEHINDS);
    return { test: (text) => compiled.matcher(text).find() };
  } catch {
    // Not valid in this dialect; refusing every value would be the greater harm.
    return { test: () => true };
  }
}

/** A check of objects whose properties `schemas` describe; further properties are allowed. */
export function compileValues(schemas: ParameterSchemas, options: ValueOptions): FieldCheck {
  // An Ajv of its own: a shared one would keep every schema it ever saw.
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    verbose: true,
    validateFormats: false,
    code: { regExp: Object.assign(linearPattern, { code: "linearPattern" }) },
  });
  return ajv.compile({ type: "object", ...propertiesOf(schemas, options) });
}
