/** Checks values against JSON-Schema draft 4 with StackStorm's changes (st2 docs, Actions: parameters), by Python's types. */
import { arithmetic } from "../expressions/python/arithmetic.ts";
import { equal, ordered } from "../expressions/python/compare.ts";
import { floatOf } from "../expressions/python/numbers.ts";
import { textLength } from "../expressions/python/sequence.ts";
import { repr } from "../expressions/python/text.ts";
import {
  Dict,
  dictEntries,
  dictGet,
  dictHas,
  dictSize,
  isDict,
  isFloat,
  isInt,
} from "../expressions/python/values.ts";
import type { RegexOracle } from "../expressions/regex/answer.ts";
import { compilePattern } from "../expressions/regex/pattern.ts";

export interface ValueProblem {
  readonly path: readonly (string | number)[];
  /** The keyword that refused, such as `type` or `additionalProperties`. */
  readonly keyword: string;
  readonly message: string;
}

type Schema = Record<string, unknown>;
type Path = readonly (string | number)[];

/** Deeper values, and longer chains of references, are refused. */
const MAX_DEPTH = 64;

/** Everything that is wrong with `value`. `format` and unknown keywords are never enforced. */
export function checkValue(schema: unknown, value: unknown, regex: RegexOracle): readonly ValueProblem[] {
  return new ValueChecker(schema, regex).check(schema, value, [], 0);
}

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  array: Array.isArray,
  boolean: (value) => typeof value === "boolean",
  integer: isInt,
  null: (value) => value === null,
  number: (value) => isInt(value) || isFloat(value),
  object: isDict,
  string: (value) => typeof value === "string",
};

function isNumber(value: unknown): boolean {
  return isInt(value) || isFloat(value);
}

function schemaOf(value: unknown): Schema | null {
  return isDict(value) && !(value instanceof Dict) ? value : null;
}

class ValueChecker {
  readonly #root: unknown;
  readonly #regex: RegexOracle;

  constructor(root: unknown, regex: RegexOracle) {
    this.#root = root;
    this.#regex = regex;
  }

  check(given: unknown, value: unknown, path: Path, depth: number): ValueProblem[] {
    const schema = schemaOf(given);
    if (schema === null) return [];
    const problem = (keyword: string, message: string): ValueProblem[] => [{ path, keyword, message }];
    if (depth > MAX_DEPTH) return problem("depth", "the value is nested too deeply");
    if (typeof schema.$ref === "string")
      return this.check(this.#resolve(schema.$ref), value, path, depth + 1);
    return [
      ...this.#type(schema, value, problem),
      ...this.#choices(schema, value, path, depth),
      ...(isNumber(value) ? numberProblems(schema, value, problem) : []),
      ...(typeof value === "string" ? this.#text(schema, value, problem) : []),
      ...(Array.isArray(value) ? this.#list(schema, value, path, depth) : []),
      ...(isDict(value) ? this.#object(schema, value, path, depth) : []),
    ];
  }

  /** `#/definitions/name`; anything else refers to nothing and allows anything. */
  #resolve(reference: string): unknown {
    if (!reference.startsWith("#")) return {};
    return reference
      .slice(1)
      .split("/")
      .filter((part) => part !== "")
      .reduce((at: unknown, part) => {
        const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
        return isDict(at) ? (dictGet(at, key) ?? {}) : {};
      }, this.#root);
  }

  #type(
    schema: Schema,
    value: unknown,
    problem: (keyword: string, message: string) => ValueProblem[],
  ): ValueProblem[] {
    if (schema.type === undefined) return [];
    const names = (Array.isArray(schema.type) ? schema.type : [schema.type]).map(String);
    const fits = names.some((name) => !Object.hasOwn(types, name) || types[name]?.(value));
    return fits
      ? []
      : problem("type", `${shown(value)} is not of type ${names.map((name) => repr(name)).join(", ")}`);
  }

  #choices(schema: Schema, value: unknown, path: Path, depth: number): ValueProblem[] {
    const problems: ValueProblem[] = [];
    const add = (keyword: string, message: string) => problems.push({ path, keyword, message });
    const holds = (option: unknown) => this.check(option, value, path, depth + 1).length === 0;
    if (Array.isArray(schema.enum) && !schema.enum.some((option) => sameChoice(option, value))) {
      add("enum", `${shown(value)} is not one of ${repr(schema.enum)}`);
    }
    if (Array.isArray(schema.allOf)) {
      problems.push(...schema.allOf.flatMap((option) => this.check(option, value, path, depth + 1)));
    }
    if (Array.isArray(schema.anyOf) && !schema.anyOf.some(holds)) {
      add("anyOf", `${shown(value)} is not valid under any of the given schemas`);
    }
    if (Array.isArray(schema.oneOf)) {
      const count = schema.oneOf.filter(holds).length;
      if (count === 0) add("oneOf", `${shown(value)} is not valid under any of the given schemas`);
      if (count > 1) add("oneOf", `${shown(value)} is valid under more than one of the given schemas`);
    }
    if (schemaOf(schema.not) !== null && holds(schema.not)) add("not", `${shown(value)} is not allowed`);
    return problems;
  }

  #text(
    schema: Schema,
    value: string,
    problem: (keyword: string, message: string) => ValueProblem[],
  ): ValueProblem[] {
    const { minLength, maxLength, pattern } = schema;
    const problems: ValueProblem[] = [];
    const size = textLength(value);
    if (typeof minLength === "number" && size < minLength)
      problems.push(...problem("minLength", `${shown(value)} is too short`));
    if (typeof maxLength === "number" && size > maxLength)
      problems.push(...problem("maxLength", `${shown(value)} is too long`));
    if (typeof pattern === "string" && !compilePattern(pattern).test(value, false, this.#regex)) {
      problems.push(...problem("pattern", `${shown(value)} does not match ${repr(pattern)}`));
    }
    return problems;
  }

  #list(schema: Schema, value: readonly unknown[], path: Path, depth: number): ValueProblem[] {
    const { items, additionalItems, minItems, maxItems, uniqueItems } = schema;
    const problems: ValueProblem[] = [];
    const add = (keyword: string, message: string) => problems.push({ path, keyword, message });
    if (typeof minItems === "number" && value.length < minItems)
      add("minItems", `${shown(value)} is too short`);
    if (typeof maxItems === "number" && value.length > maxItems)
      add("maxItems", `${shown(value)} is too long`);
    if (
      uniqueItems === true &&
      value.some((item, i) => value.slice(0, i).some((other) => sameChoice(item, other)))
    ) {
      add("uniqueItems", `${shown(value)} has non-unique elements`);
    }
    if (Array.isArray(items)) {
      if (additionalItems === false && value.length > items.length) {
        add("additionalItems", "additional items are not allowed");
      }
      value.forEach((item, i) => {
        const own = i < items.length ? items[i] : additionalItems;
        problems.push(...this.check(own, item, [...path, i], depth + 1));
      });
    } else {
      problems.push(...value.flatMap((item, i) => this.check(items, item, [...path, i], depth + 1)));
    }
    return problems;
  }

  #object(schema: Schema, value: Dict | Record<string, unknown>, path: Path, depth: number): ValueProblem[] {
    const problems: ValueProblem[] = [];
    const add = (keyword: string, message: string) => problems.push({ path, keyword, message });
    const properties = schemaOf(schema.properties) ?? {};
    for (const [name, property] of Object.entries(properties)) {
      if (dictHas(value, name))
        problems.push(...this.check(property, dictGet(value, name), [...path, name], depth + 1));
      // Unlike in draft 4 proper, a property says itself that it is required.
      else if (schemaOf(property)?.required) add("required", `${repr(name)} is a required property`);
    }
    const patterns = Object.entries(schemaOf(schema.patternProperties) ?? {});
    const extra: string[] = [];
    for (const [key, item] of dictEntries(value)) {
      const name = String(key);
      const matching = patterns.filter(([pattern]) => compilePattern(pattern).test(name, false, this.#regex));
      for (const [, own] of matching) problems.push(...this.check(own, item, [...path, name], depth + 1));
      if (matching.length > 0 || Object.hasOwn(properties, name)) continue;
      if (schema.additionalProperties === false) extra.push(name);
      else problems.push(...this.check(schema.additionalProperties, item, [...path, name], depth + 1));
    }
    if (extra.length > 0) {
      const names = extra.map((name) => repr(name)).join(", ");
      add(
        "additionalProperties",
        `Additional properties are not allowed (${names} ${extra.length > 1 ? "were" : "was"} unexpected)`,
      );
    }
    if (typeof schema.minProperties === "number" && dictSize(value) < schema.minProperties)
      add("minProperties", `${shown(value)} does not have enough properties`);
    if (typeof schema.maxProperties === "number" && dictSize(value) > schema.maxProperties)
      add("maxProperties", `${shown(value)} has too many properties`);
    for (const [name, needs] of Object.entries(schemaOf(schema.dependencies) ?? {})) {
      if (!dictHas(value, name)) continue;
      const names = typeof needs === "string" ? [needs] : Array.isArray(needs) ? needs.map(String) : null;
      if (names === null) problems.push(...this.check(needs, value, path, depth + 1));
      for (const needed of names ?? []) {
        if (!dictHas(value, needed)) add("dependencies", `${repr(needed)} is a dependency of ${repr(name)}`);
      }
    }
    return problems;
  }
}

function numberProblems(
  schema: Schema,
  value: unknown,
  problem: (keyword: string, message: string) => ValueProblem[],
): ValueProblem[] {
  const problems: ValueProblem[] = [];
  const { minimum, maximum, multipleOf } = schema;
  if (isNumber(minimum)) {
    const exclusive = schema.exclusiveMinimum === true;
    if (ordered(value, exclusive ? "<=" : "<", minimum)) {
      problems.push(
        ...problem(
          "minimum",
          `${shown(value)} is less than ${exclusive ? "or equal to " : ""}the minimum of ${repr(minimum)}`,
        ),
      );
    }
  }
  if (isNumber(maximum)) {
    const exclusive = schema.exclusiveMaximum === true;
    if (ordered(value, exclusive ? ">=" : ">", maximum)) {
      problems.push(
        ...problem(
          "maximum",
          `${shown(value)} is greater than ${exclusive ? "or equal to " : ""}the maximum of ${repr(maximum)}`,
        ),
      );
    }
  }
  if (isNumber(multipleOf) && floatOf(multipleOf) !== 0 && !isMultiple(value, multipleOf)) {
    problems.push(...problem("multipleOf", `${shown(value)} is not a multiple of ${repr(multipleOf)}`));
  }
  return problems;
}

function isMultiple(value: unknown, of: unknown): boolean {
  if (isFloat(of)) return Number.isInteger(floatOf(arithmetic(value, "/", of)));
  return equal(arithmetic(value, "%", of), 0);
}

/** Python's equality, except that `true` is not the choice `1`. */
function sameChoice(a: unknown, b: unknown): boolean {
  return (typeof a === "boolean") === (typeof b === "boolean") && equal(a, b);
}

/** A value in a message, cut: payloads may be long. */
function shown(value: unknown): string {
  const text = repr(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
