/** Casting of rendered values to the declared types, with StackStorm's rules for each (st2 docs, Actions). */
import { isPetrelError, PetrelError } from "../errors.ts";
import { NONE_TEXT } from "../expressions/filters/stackstorm-filters.ts";
import { parseJson } from "../expressions/python/json-text.ts";
import { capitalize } from "../expressions/python/letters.ts";
import { literalEval } from "../expressions/python/literal.ts";
import { toFloat, toInt } from "../expressions/python/numbers.ts";
import { fail, typeName } from "../expressions/python/values.ts";

type Cast = (value: unknown) => unknown;

/** JSON first, then a Python literal: `[1, 2]`, `{'a': True}`. */
function compound(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return parseJson(value);
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    return literalEval(value);
  }
}

const casts: Readonly<Record<string, Cast>> = {
  array: compound,
  object: compound,
  // `true` and `yes` are no Python literals in this spelling, `True` is.
  boolean: (value) => (typeof value === "string" ? literalEval(capitalize(value)) : value),
  integer: (value) => toInt(value),
  number: (value) => toFloat(value),
  string: (value) =>
    typeof value === "string" ? value : fail(`must either be a string or None, got ${typeName(value)}`),
};

/** The types that refuse the text which stands for null. */
const NOT_NULL = new Set(["integer", "number"]);

/**
 * Null stays null for every type; a type without a cast leaves the value alone.
 * Throws PARAMETER_INVALID naming the parameter; the value itself is not told, it may be a secret.
 */
export function castValue(name: string, value: unknown, type: unknown): unknown {
  if (value === null || typeof type !== "string" || !Object.hasOwn(casts, type)) return value;
  if (value === NONE_TEXT && !NOT_NULL.has(type)) return null;
  try {
    return casts[type]?.(value) ?? null;
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    throw new PetrelError(
      "PARAMETER_INVALID",
      `parameter '${name}' cannot be read as ${type}: it is a ${typeName(value)} that does not fit`,
      {
        hint: `give a value of type ${type}`,
        cause: error,
      },
    );
  }
}
