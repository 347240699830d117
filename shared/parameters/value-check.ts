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

export interface ValueCheckOptions {
  readonly regex: RegexOracle;
  /** True for a value that is fine whatever `schema` says of it; what is inside is not looked at either. */
  readonly fits?: (schema: Schema, value: unknown) => boolean;
}

/**
 * Everything that is wrong with `value`. `format` and unknown keywords are never enforced. No message shows a value
 * that the schema calls `secret`, nor one that holds such a value.
 */
export function checkValue(
  schema: unknown,
  value: unknown,
  options: ValueCheckOptions,
): readonly ValueProblem[] {
  return new ValueChecker(schema, options).check(schema, value, { path: [], depth: 0, isSecret: false });
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

/** Where a value stands, and whether all that is in it is secret. */
interface Place {
  readonly path: Path;
  readonly depth: number;
  readonly isSecret: boolean;
}

/** One value against one schema, with the way to tell what is wrong with it. */
interface Look<T = unknown> {
  readonly schema: Schema;
  readonly value: T;
  readonly at: Place;
  /** The value as a message may show it. */
  readonly shown: () => string;
  readonly problem: (keyword: string, message: string) => ValueProblem;
}

class ValueChecker {
  readonly #root: unknown;
  readonly #regex: RegexOracle;
  readonly #fits: (schema: Schema, value: unknown) => boolean;

  constructor(root: unknown, { regex, fits = () => false }: ValueCheckOptions) {
    this.#root = root;
    this.#regex = regex;
    this.#fits = fits;
  }

  check(given: unknown, value: unknown, place: Place): ValueProblem[] {
    const schema = schemaOf(given);
    if (schema === null || this.#fits(schema, value)) return [];
    const at = { ...place, isSecret: place.isSecret || schema.secret === true };
    const problem = (keyword: string, message: string): ValueProblem => ({ path: at.path, keyword, message });
    if (at.depth > MAX_DEPTH) return [problem("depth", "the value is nested too deeply")];
    if (typeof schema.$ref === "string") return this.check(this.#resolve(schema.$ref), value, deeper(at));
    const shown = () => (at.isSecret || this.#holdsSecret(schema) ? hidden : shownValue(value));
    const look = { schema, value, at, shown, problem };
    return [
      ...this.#type(look),
      ...this.#choices(look),
      ...(isNumber(value) ? numberProblems(look) : []),
      ...(typeof value === "string" ? this.#text({ ...look, value }) : []),
      ...(Array.isArray(value) ? this.#list({ ...look, value }) : []),
      ...(isDict(value) ? this.#object({ ...look, value }) : []),
    ];
  }

  /** Only asked once something is wrong. */
  #holdsSecret(schema: unknown, depth = 0): boolean {
    if (typeof schema !== "object" || schema === null) return false;
    // So deep nobody can tell.
    if (depth > MAX_DEPTH) return true;
    return Object.entries(schema).some(([keyword, inner]) => {
      if (keyword === "secret") return inner === true || this.#holdsSecret(inner, depth + 1);
      if (keyword === "$ref" && typeof inner === "string")
        return this.#holdsSecret(this.#resolve(inner), depth + 1);
      return this.#holdsSecret(inner, depth + 1);
    });
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

  #type({ schema, value, shown, problem }: Look): ValueProblem[] {
    if (schema.type === undefined) return [];
    const names = (Array.isArray(schema.type) ? schema.type : [schema.type]).map(String);
    const fits = names.some((name) => !Object.hasOwn(types, name) || types[name]?.(value));
    if (fits) return [];
    return [problem("type", `${shown()} is not of type ${names.map((name) => repr(name)).join(", ")}`)];
  }

  #choices({ schema, value, at, shown, problem }: Look): ValueProblem[] {
    const problems: ValueProblem[] = [];
    const add = (keyword: string, message: string) => problems.push(problem(keyword, message));
    const holds = (option: unknown) => this.check(option, value, deeper(at)).length === 0;
    if (Array.isArray(schema.enum) && !schema.enum.some((option) => sameChoice(option, value))) {
      add("enum", `${shown()} is not one of ${repr(schema.enum)}`);
    }
    if (Array.isArray(schema.allOf)) {
      problems.push(...schema.allOf.flatMap((option) => this.check(option, value, deeper(at))));
    }
    if (Array.isArray(schema.anyOf) && !schema.anyOf.some(holds)) {
      add("anyOf", `${shown()} is not valid under any of the given schemas`);
    }
    if (Array.isArray(schema.oneOf)) {
      const count = schema.oneOf.filter(holds).length;
      if (count === 0) add("oneOf", `${shown()} is not valid under any of the given schemas`);
      if (count > 1) add("oneOf", `${shown()} is valid under more than one of the given schemas`);
    }
    if (schemaOf(schema.not) !== null && holds(schema.not)) add("not", `${shown()} is not allowed`);
    return problems;
  }

  #text({ schema, value, shown, problem }: Look<string>): ValueProblem[] {
    const { minLength, maxLength, pattern } = schema;
    const problems: ValueProblem[] = [];
    const size = textLength(value);
    if (typeof minLength === "number" && size < minLength)
      problems.push(problem("minLength", `${shown()} is too short`));
    if (typeof maxLength === "number" && size > maxLength)
      problems.push(problem("maxLength", `${shown()} is too long`));
    if (typeof pattern === "string" && !compilePattern(pattern).test(value, false, this.#regex)) {
      problems.push(problem("pattern", `${shown()} does not match ${repr(pattern)}`));
    }
    return problems;
  }

  #list({ schema, value, at, shown, problem }: Look<readonly unknown[]>): ValueProblem[] {
    const { items, additionalItems, minItems, maxItems, uniqueItems } = schema;
    const problems: ValueProblem[] = [];
    const add = (keyword: string, message: string) => problems.push(problem(keyword, message));
    if (typeof minItems === "number" && value.length < minItems) add("minItems", `${shown()} is too short`);
    if (typeof maxItems === "number" && value.length > maxItems) add("maxItems", `${shown()} is too long`);
    if (
      uniqueItems === true &&
      value.some((item, i) => value.slice(0, i).some((other) => sameChoice(item, other)))
    ) {
      add("uniqueItems", `${shown()} has non-unique elements`);
    }
    if (Array.isArray(items)) {
      if (additionalItems === false && value.length > items.length) {
        add("additionalItems", "additional items are not allowed");
      }
      value.forEach((item, i) => {
        const own = i < items.length ? items[i] : additionalItems;
        problems.push(...this.check(own, item, deeper(at, i)));
      });
    } else {
      problems.push(...value.flatMap((item, i) => this.check(items, item, deeper(at, i))));
    }
    return problems;
  }

  #object({ schema, value, at, shown, problem }: Look<Dict | Record<string, unknown>>): ValueProblem[] {
    const problems: ValueProblem[] = [];
    const add = (keyword: string, message: string) => problems.push(problem(keyword, message));
    const properties = schemaOf(schema.properties) ?? {};
    for (const [name, property] of Object.entries(properties)) {
      if (dictHas(value, name))
        problems.push(...this.check(property, dictGet(value, name), deeper(at, name)));
      // Unlike in draft 4 proper, a property says itself that it is required.
      else if (schemaOf(property)?.required) add("required", `${repr(name)} is a required property`);
    }
    const patterns = Object.entries(schemaOf(schema.patternProperties) ?? {});
    const extra: string[] = [];
    for (const [key, item] of dictEntries(value)) {
      const name = String(key);
      const matching = patterns.filter(([pattern]) => compilePattern(pattern).test(name, false, this.#regex));
      for (const [, own] of matching) problems.push(...this.check(own, item, deeper(at, name)));
      if (matching.length > 0 || Object.hasOwn(properties, name)) continue;
      if (schema.additionalProperties === false) extra.push(name);
      else problems.push(...this.check(schema.additionalProperties, item, deeper(at, name)));
    }
    if (extra.length > 0) {
      const names = extra.map((name) => repr(name)).join(", ");
      add(
        "additionalProperties",
        `Additional properties are not allowed (${names} ${extra.length > 1 ? "were" : "was"} unexpected)`,
      );
    }
    if (typeof schema.minProperties === "number" && dictSize(value) < schema.minProperties)
      add("minProperties", `${shown()} does not have enough properties`);
    if (typeof schema.maxProperties === "number" && dictSize(value) > schema.maxProperties)
      add("maxProperties", `${shown()} has too many properties`);
    for (const [name, needs] of Object.entries(schemaOf(schema.dependencies) ?? {})) {
      if (!dictHas(value, name)) continue;
      const names = typeof needs === "string" ? [needs] : Array.isArray(needs) ? needs.map(String) : null;
      if (names === null) problems.push(...this.check(needs, value, deeper(at)));
      for (const needed of names ?? []) {
        if (!dictHas(value, needed)) add("dependencies", `${repr(needed)} is a dependency of ${repr(name)}`);
      }
    }
    return problems;
  }
}

/** One level down: into the member `step`, or into a schema inside the schema. */
function deeper(at: Place, step?: string | number): Place {
  return { ...at, depth: at.depth + 1, path: step === undefined ? at.path : [...at.path, step] };
}

function numberProblems({ schema, value, shown, problem }: Look): ValueProblem[] {
  const problems: ValueProblem[] = [];
  const { minimum, maximum, multipleOf } = schema;
  const orEqual = (isExclusive: boolean) => (isExclusive ? "or equal to " : "");
  if (isNumber(minimum)) {
    const isExclusive = schema.exclusiveMinimum === true;
    if (ordered(value, isExclusive ? "<=" : "<", minimum)) {
      const message = `${shown()} is less than ${orEqual(isExclusive)}the minimum of ${repr(minimum)}`;
      problems.push(problem("minimum", message));
    }
  }
  if (isNumber(maximum)) {
    const isExclusive = schema.exclusiveMaximum === true;
    if (ordered(value, isExclusive ? ">=" : ">", maximum)) {
      const message = `${shown()} is greater than ${orEqual(isExclusive)}the maximum of ${repr(maximum)}`;
      problems.push(problem("maximum", message));
    }
  }
  if (isNumber(multipleOf) && floatOf(multipleOf) !== 0 && !isMultiple(value, multipleOf)) {
    problems.push(problem("multipleOf", `${shown()} is not a multiple of ${repr(multipleOf)}`));
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

/** What people see in place of a secret (st2 docs, Secrets masking). */
const hidden = "********";

/** A value in a message, cut: payloads may be long. */
function shownValue(value: unknown): string {
  const text = repr(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
