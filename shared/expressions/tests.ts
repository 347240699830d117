/** Jinja2's tests: `value is name(args)`. */
import { Missing } from "./datastore-lookup.ts";
import type { FilterTable, Test, TestTable } from "./filter-table.ts";
import { bind, withoutArguments } from "./python/arguments.ts";
import { arithmetic } from "./python/arithmetic.ts";
import { contains, equal, ordered } from "./python/compare.ts";
import { isLower, isUpper } from "./python/letters.ts";
import { str } from "./python/text.ts";
import {
  Callable,
  defined,
  isDict,
  isFloat,
  isInt,
  Range,
  Stream,
  Tuple,
  Undefined,
} from "./python/values.ts";

/** A test without arguments. */
function plain(name: string, test: (value: unknown) => boolean): [string, Test] {
  return [name, (_run, input, args, named) => withoutArguments(name, args, named, () => test(input))];
}

/** A test against one other value, under several names. */
function against(
  names: readonly string[],
  test: (value: unknown, other: unknown) => boolean,
): [string, Test][] {
  return names.map((name) => [
    name,
    (_run, input, args, named) => test(input, bind(name, ["other!"], args, named)[0]),
  ]);
}

function isSequence(value: unknown): boolean {
  return (
    typeof value === "string" ||
    Array.isArray(value) ||
    value instanceof Tuple ||
    value instanceof Range ||
    isDict(value)
  );
}

function remainder(value: unknown, by: unknown): unknown {
  return arithmetic(value, "%", by);
}

/** Identity: Python has one object for each small int, constant and short text; lists are never the same. */
function same(value: unknown, other: unknown): boolean {
  return value === other && (typeof value !== "number" || isInt(value));
}

export function makeTests(filters: () => FilterTable, tests: () => TestTable): TestTable {
  return new Map<string, Test>([
    plain("defined", (value) => !(value instanceof Undefined) && !(value instanceof Missing)),
    plain("undefined", (value) => value instanceof Undefined || value instanceof Missing),
    plain("none", (value) => value === null),
    plain("boolean", (value) => typeof value === "boolean"),
    plain("true", (value) => value === true),
    plain("false", (value) => value === false),
    plain("integer", isInt),
    plain("float", isFloat),
    plain("number", (value) => isInt(value) || isFloat(value) || typeof value === "boolean"),
    plain("string", (value) => typeof value === "string"),
    plain("mapping", isDict),
    plain("sequence", isSequence),
    plain("iterable", (value) => isSequence(defined(value)) || value instanceof Stream),
    plain("callable", (value) => value instanceof Callable),
    plain("escaped", () => false),
    plain("lower", (value) => isLower(str(value))),
    plain("upper", (value) => isUpper(str(value))),
    plain("odd", (value) => equal(remainder(value, 2), 1)),
    plain("even", (value) => equal(remainder(value, 2), 0)),
    plain("filter", (value) => typeof value === "string" && filters().has(value)),
    plain("test", (value) => typeof value === "string" && tests().has(value)),
    [
      "divisibleby",
      (_run, input, args, named) => equal(remainder(input, bind("divisibleby", ["num!"], args, named)[0]), 0),
    ],
    ...against(["eq", "equalto", "=="], equal),
    ...against(["ne", "!="], (value, other) => !equal(value, other)),
    ...against(["lt", "lessthan", "<"], (value, other) => ordered(value, "<", other)),
    ...against(["le", "<="], (value, other) => ordered(value, "<=", other)),
    ...against(["gt", "greaterthan", ">"], (value, other) => ordered(value, ">", other)),
    ...against(["ge", ">="], (value, other) => ordered(value, ">=", other)),
    ...against(["in"], (value, other) => contains(other, value)),
    ...against(["sameas"], same),
  ]);
}
