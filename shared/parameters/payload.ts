/** A trigger's payload held to its type's schema. */
import { plainOracle } from "./plain-oracle.ts";
import { allowNull, withDefaults } from "./schema.ts";
import { checkValue } from "./value-check.ts";

const relaxedSchemas = new WeakMap<object, ReturnType<typeof allowNull>>();

/** Error texts, each with its path; empty when the payload fits. An empty schema takes anything. */
export function payloadProblems(
  schema: { readonly [keyword: string]: unknown },
  payload: unknown,
): readonly string[] {
  if (Object.keys(schema).length === 0) return [];
  const relaxed = relaxedSchemas.get(schema) ?? allowNull(schema);
  relaxedSchemas.set(schema, relaxed);
  const filled = schema.type === "object" ? withDefaults(relaxed, payload) : payload;
  return checkValue(relaxed, filled, { regex: plainOracle }).map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
}
