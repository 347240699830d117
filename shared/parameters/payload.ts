/** A trigger's payload held to its type's schema. */
import { isEmptyDict } from "../expressions/python/values.ts";
import { plainOracle } from "./plain-oracle.ts";
import { allowNull, withDefaults } from "./schema.ts";
import { checkValue } from "./value-check.ts";

const noTexts: readonly string[] = [];
const plainly = { regex: plainOracle };
const relaxedSchemas = new WeakMap<object, ReturnType<typeof allowNull>>();

/** Error texts, each with its path; empty when the payload fits. An empty schema takes anything. */
export function payloadProblems(
  schema: { readonly [keyword: string]: unknown },
  payload: unknown,
): readonly string[] {
  if (isEmptyDict(schema)) return noTexts;
  const relaxed = relaxedSchemas.get(schema) ?? relaxedOnce(schema);
  const filled = schema.type === "object" ? withDefaults(relaxed, payload) : payload;
  const problems = checkValue(relaxed, filled, plainly);
  if (problems.length === 0) return noTexts;
  return problems.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`));
}

function relaxedOnce(schema: { readonly [keyword: string]: unknown }): ReturnType<typeof allowNull> {
  const relaxed = allowNull(schema);
  relaxedSchemas.set(schema, relaxed);
  return relaxed;
}
