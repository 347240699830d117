/** What StackStorm does to schemas and values before it validates: null relaxation and defaults. */
import { Dict, dictEntries, dictGet, isDict } from "../expressions/python/values.ts";

type Schema = { readonly [keyword: string]: unknown };

function isSchema(value: unknown): value is Schema {
  return isDict(value) && !(value instanceof Dict);
}

function isType(schema: Schema, name: string): boolean {
  return schema.type === name || (Array.isArray(schema.type) && schema.type.includes(name));
}

/** Properties of the objects inside: of an object property itself, or of the items of an array property. */
function inner(property: Schema): { readonly in: "items" | "self"; readonly schema: Schema } | null {
  const { items, properties } = property;
  if (isType(property, "array") && isSchema(items) && isSchema(items.properties))
    return { in: "items", schema: items };
  return isType(property, "object") && isSchema(properties) ? { in: "self", schema: property } : null;
}

/** A property that is optional, or whose default is null, also takes null; so do those inside objects and items. */
export function allowNull(schema: Schema): Schema {
  if (!isSchema(schema.properties)) return schema;
  const properties = Object.entries(schema.properties).map(([name, property]) => {
    if (!isSchema(property)) return [name, property] as const;
    const open = (property.default ?? null) === null && ("default" in property || !property.required);
    const relaxed = open ? relax(property) : property;
    const nested = inner(property);
    if (nested === null) return [name, relaxed] as const;
    if (nested.in === "items") return [name, { ...relaxed, items: allowNull(nested.schema) }] as const;
    return [name, allowNull(relaxed)] as const;
  });
  return { ...schema, properties: Object.fromEntries(properties) };
}

const NULL = { type: "null" };

function relax(property: Schema): Schema {
  for (const keyword of ["anyOf", "oneOf"] as const) {
    const options = property[keyword];
    if (Array.isArray(options)) return { ...property, [keyword]: [...options, NULL] };
  }
  const { type } = property;
  if (Array.isArray(type)) return { ...property, type: [...type, "null"] };
  // As there: a property without a type is taken for a text.
  return { ...property, type: [type ?? "string", "null"] };
}

/** The value with the schema's defaults where a key is missing or null, inside objects and lists that are there too. */
export function withDefaults(schema: Schema, value: unknown): unknown {
  if (!isSchema(schema.properties)) return value;
  if (Array.isArray(value)) return value.map((item) => withDefaults(schema, item));
  if (!isDict(value)) return value;
  // Most values are whole, and stay what they are.
  let filled = value instanceof Dict ? membersOf(value) : null;
  for (const name of Object.keys(schema.properties)) {
    const property = schema.properties[name];
    if (!isSchema(property)) continue;
    const given = dictGet(value, name);
    const isAbsent = (given ?? null) === null && "default" in property;
    const current = isAbsent ? property.default : filled === null ? given : filled.get(name);
    const nested = (current ?? null) === null ? null : inner(property);
    const whole = nested === null ? current : withDefaults(nested.schema, current);
    if (whole !== given) filled = (filled ?? membersOf(value)).set(name, whole);
  }
  return filled === null ? value : Object.fromEntries(filled);
}

function membersOf(value: Parameters<typeof dictEntries>[0]): Map<string, unknown> {
  return new Map(dictEntries(value).map(([key, item]) => [String(key), item]));
}
