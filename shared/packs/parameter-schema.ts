/** Parameter schemas: draft-4 keywords with StackStorm's changes (st2 docs, Actions: parameters). */
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { ParameterSchemas } from "../model/pack.ts";
import type { Path } from "../yaml/read-yaml.ts";
import { checkFields, compileFields, type FieldCheck, shown } from "./fields.ts";
import type { Metadata } from "./pack-file.ts";

export const parameterTypes = ["array", "boolean", "integer", "null", "number", "object", "string"] as const;

const count = { type: "integer", minimum: 0 };
const text = { type: "string" };
const self = { $ref: "#/$defs/schema" };
const list = { type: "array", items: self, minItems: 1 };
const map = { type: "object", additionalProperties: self };

/** The keywords; `required` is a boolean on the property itself, not a list on the object around it. */
const keywords = {
  title: text,
  description: text,
  default: {},
  enum: { type: "array", minItems: 1 },
  multipleOf: { type: "number", exclusiveMinimum: 0 },
  maximum: { type: "number" },
  exclusiveMaximum: { type: "boolean" },
  minimum: { type: "number" },
  exclusiveMinimum: { type: "boolean" },
  maxLength: count,
  minLength: count,
  pattern: text,
  format: text,
  maxItems: count,
  minItems: count,
  uniqueItems: { type: "boolean" },
  maxProperties: count,
  minProperties: count,
  additionalItems: {},
  additionalProperties: {},
  items: {},
  properties: map,
  patternProperties: map,
  definitions: map,
  dependencies: { type: "object" },
  allOf: list,
  anyOf: list,
  oneOf: list,
  not: self,
  $ref: text,
  $schema: text,
  id: text,
  required: {
    type: "boolean",
    fix: "write 'required: true' at each property that must be given",
  },
  secret: { type: "boolean" },
  immutable: { type: "boolean" },
  position: { type: "number", minimum: 0 },
};

const oneType = { enum: parameterTypes };
/** Compiled once for both, which takes a while: they differ in their type alone. */
const untyped = { type: "object", additionalProperties: false, properties: { ...keywords, type: {} } };
const inner = {
  $ref: "#/$defs/untyped",
  // Inside an object or array a list of types is allowed, as in a plain JSON schema.
  properties: { type: { type: ["string", "array"], items: oneType, minItems: 1 } },
};
const outer = {
  $ref: "#/$defs/untyped",
  properties: {
    type: { type: "string", enum: parameterTypes, fix: "write one type, such as string" },
  },
};

const checkParameters: FieldCheck = compileFields({
  $defs: { schema: inner, untyped },
  type: "object",
  propertyNames: { pattern: "^(?!__proto__$)\\w+$" },
  additionalProperties: outer,
});

/** What a default must be for its declared type; a template is judged when it is rendered. */
function fits(type: string, value: Json): boolean {
  if (typeof value === "string" && /\{\{|\{%/.test(value)) return true;
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
    case "boolean":
    case "string":
      return typeof value === type;
    default:
      return value === null;
  }
}

/** What can be judged further of schemas that are not all well formed, so that every mistake is told at once. */
export function readableSchemas(value: Json): ParameterSchemas {
  const schemas = isObject(value) ? Object.entries(value).filter(([, schema]) => isObject(schema)) : [];
  return Object.fromEntries(
    schemas.map(([name, schema]) => {
      const { position, ...rest } = schema as JsonObject;
      return [name, typeof position === "number" ? { ...rest, position } : rest];
    }),
  ) as ParameterSchemas;
}

/**
 * The parameter schemas at `base`, or `null` after reporting what is wrong with them (PACK_PARAMETER).
 * A missing or empty field counts as no parameters.
 */
export function readParameterSchemas(metadata: Metadata, base: Path, value: Json): ParameterSchemas | null {
  const given = value ?? {};
  let isSound = checkFields(checkParameters, metadata, { code: "PACK_PARAMETER", base, value: given });
  // Of an object's own fields `checkFields` passes over those that are empty: here each is a parameter.
  for (const [name, schema] of Object.entries(isObject(given) ? given : {})) {
    if (schema !== null) continue;
    isSound = false;
    metadata.report({
      code: "PACK_PARAMETER",
      severity: "error",
      message: `'${name}' has no schema`,
      where: metadata.at([...base, name]),
      hint: `write its type, such as '${name}: {type: string}', or remove it`,
    });
  }
  for (const [name, schema] of Object.entries(readableSchemas(given))) {
    const { type, default: preset } = schema;
    const isTyped = typeof type === "string" && parameterTypes.some((known) => known === type);
    if (!isTyped || preset === undefined || preset === null || fits(type, preset)) continue;
    metadata.report({
      code: "PACK_PARAMETER",
      severity: "warning",
      message: `the default of '${name}' is no ${type}: ${shown(preset)}`,
      where: metadata.at([...base, name, "default"]),
      hint: `write a default of type ${type}, or change the type`,
    });
  }
  return isSound ? (given as ParameterSchemas) : null;
}
