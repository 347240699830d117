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
  const checker = new ValueChecker(schema, options);
  checker.check(schema, value, 0, false);
  return checker.problems;
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

const noProblems: readonly ValueProblem[] = [];

/** Nearly all values fit, and each trigger and execution is checked: where nothing is wrong, nothing is made. */
class ValueChecker {
  readonly #root: unknown;
  readonly #regex: RegexOracle;
  readonly #fits: ValueCheckOptions["fits"];
  /** Where the value in hand stands. */
  readonly #path: (string | number)[] = [];
  #problems: ValueProblem[] | null = null;

  constructor(root: unknown, { regex, fits }: ValueCheckOptions) {
    this.#root = root;
    this.#regex = regex;
    this.#fits = fits;
  }

  get problems(): readonly ValueProblem[] {
    return this.#problems ?? noProblems;
  }

  /** `depth`: of schemas inside schemas. `inSecret`: all that is in the value is secret. */
  check(given: unknown, value: unknown, depth: number, inSecret: boolean): void {
    const schema = schemaOf(given);
    if (schema === null || this.#fits?.(schema, value) === true) return;
    const isSecret = inSecret || schema.secret === true;
    if (depth > MAX_DEPTH) this.#refuse("depth", "the value is nested too deeply");
    else if (typeof schema.$ref === "string") {
      this.check(this.#resolve(schema.$ref), value, depth + 1, isSecret);
    } else {
      this.#type(schema, value, isSecret);
      if (hasChoices(schema)) this.#choices(schema, value, depth, isSecret);
      if (isNumber(value)) this.#number(schema, value, isSecret);
      else if (typeof value === "string") this.#text(schema, value, isSecret);
      else if (Array.isArray(value)) this.#list(schema, value, depth, isSecret);
      else if (isDict(value)) this.#object(schema, value, depth, isSecret);
    }
  }

  #member(step: string | number, given: unknown, value: unknown, depth: number, isSecret: boolean): void {
    this.#path.push(step);
    this.check(given, value, depth + 1, isSecret);
    this.#path.pop();
  }

  /** Whether it fits; what is wrong with it is not told. */
  #holds(option: unknown, value: unknown, depth: number, isSecret: boolean): boolean {
    const before = this.#problems;
    this.#problems = null;
    this.check(option, value, depth + 1, isSecret);
    const holds = this.#problems === null;
    this.#problems = before;
    return holds;
  }

  #refuse(keyword: string, message: string): void {
    this.#problems ??= [];
    this.#problems.push({ path: [...this.#path], keyword, message });
  }

  /** The value as a message may show it. */
  #shown(schema: Schema, value: unknown, isSecret: boolean): string {
    return isSecret || this.#holdsSecret(schema) ? hidden : shownValue(value);
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

  #type(schema: Schema, value: unknown, isSecret: boolean): void {
    const { type } = schema;
    if (type === undefined || (typeof type === "string" && isOfType(type, value))) return;
    const names = (Array.isArray(type) ? type : [type]).map(String);
    if (names.some((name) => isOfType(name, value))) return;
    const listed = names.map((name) => repr(name)).join(", ");
    this.#refuse("type", `${this.#shown(schema, value, isSecret)} is not of type ${listed}`);
  }

  #choices(schema: Schema, value: unknown, depth: number, isSecret: boolean): void {
    const { enum: choices, allOf, anyOf, oneOf, not } = schema;
    const shown = () => this.#shown(schema, value, isSecret);
    const holds = (option: unknown) => this.#holds(option, value, depth, isSecret);
    if (Array.isArray(choices) && !choices.some((option) => sameChoice(option, value))) {
      this.#refuse("enum", `${shown()} is not one of ${repr(choices)}`);
    }
    if (Array.isArray(allOf)) for (const option of allOf) this.check(option, value, depth + 1, isSecret);
    if (Array.isArray(anyOf) && !anyOf.some(holds)) {
      this.#refuse("anyOf", `${shown()} is not valid under any of the given schemas`);
    }
    if (Array.isArray(oneOf)) {
      const count = oneOf.filter(holds).length;
      if (count === 0) this.#refuse("oneOf", `${shown()} is not valid under any of the given schemas`);
      if (count > 1) this.#refuse("oneOf", `${shown()} is valid under more than one of the given schemas`);
    }
    if (schemaOf(not) !== null && holds(not)) this.#refuse("not", `${shown()} is not allowed`);
  }

  #number(schema: Schema, value: unknown, isSecret: boolean): void {
    const { minimum, maximum, multipleOf } = schema;
    if (isNumber(minimum)) {
      const isExclusive = schema.exclusiveMinimum === true;
      if (ordered(value, isExclusive ? "<=" : "<", minimum)) {
        const bound = `less than ${orEqual(isExclusive)}the minimum of ${repr(minimum)}`;
        this.#refuse("minimum", `${this.#shown(schema, value, isSecret)} is ${bound}`);
      }
    }
    if (isNumber(maximum)) {
      const isExclusive = schema.exclusiveMaximum === true;
      if (ordered(value, isExclusive ? ">=" : ">", maximum)) {
        const bound = `greater than ${orEqual(isExclusive)}the maximum of ${repr(maximum)}`;
        this.#refuse("maximum", `${this.#shown(schema, value, isSecret)} is ${bound}`);
      }
    }
    if (isNumber(multipleOf) && floatOf(multipleOf) !== 0 && !isMultiple(value, multipleOf)) {
      const shown = this.#shown(schema, value, isSecret);
      this.#refuse("multipleOf", `${shown} is not a multiple of ${repr(multipleOf)}`);
    }
  }

  #text(schema: Schema, value: string, isSecret: boolean): void {
    const { minLength, maxLength, pattern } = schema;
    if (typeof minLength === "number" && textLength(value) < minLength)
      this.#refuse("minLength", `${this.#shown(schema, value, isSecret)} is too short`);
    if (typeof maxLength === "number" && textLength(value) > maxLength)
      this.#refuse("maxLength", `${this.#shown(schema, value, isSecret)} is too long`);
    if (typeof pattern === "string" && !compilePattern(pattern).test(value, false, this.#regex)) {
      const shown = this.#shown(schema, value, isSecret);
      this.#refuse("pattern", `${shown} does not match ${repr(pattern)}`);
    }
  }

  #list(schema: Schema, value: readonly unknown[], depth: number, isSecret: boolean): void {
    const { items, additionalItems, minItems, maxItems, uniqueItems } = schema;
    if (typeof minItems === "number" && value.length < minItems)
      this.#refuse("minItems", `${this.#shown(schema, value, isSecret)} is too short`);
    if (typeof maxItems === "number" && value.length > maxItems)
      this.#refuse("maxItems", `${this.#shown(schema, value, isSecret)} is too long`);
    if (
      uniqueItems === true &&
      value.some((item, i) => value.slice(0, i).some((other) => sameChoice(item, other)))
    ) {
      this.#refuse("uniqueItems", `${this.#shown(schema, value, isSecret)} has non-unique elements`);
    }
    if (!Array.isArray(items)) {
      if (schemaOf(items) === null) return;
      for (const [i, item] of value.entries()) this.#member(i, items, item, depth, isSecret);
      return;
    }
    if (additionalItems === false && value.length > items.length) {
      this.#refuse("additionalItems", "additional items are not allowed");
    }
    for (const [i, item] of value.entries()) {
      this.#member(i, i < items.length ? items[i] : additionalItems, item, depth, isSecret);
    }
  }

  #object(schema: Schema, value: Members, depth: number, isSecret: boolean): void {
    const properties = schemaOf(schema.properties) ?? noSchemas;
    for (const name of Object.keys(properties)) {
      const property = properties[name];
      if (dictHas(value, name)) this.#member(name, property, dictGet(value, name), depth, isSecret);
      // Unlike in draft 4 proper, a property says itself that it is required.
      else if (schemaOf(property)?.required) this.#refuse("required", `${repr(name)} is a required property`);
    }
    this.#others(schema, properties, value, depth, isSecret);
    const { minProperties, maxProperties } = schema;
    if (typeof minProperties === "number" && dictSize(value) < minProperties) {
      this.#refuse(
        "minProperties",
        `${this.#shown(schema, value, isSecret)} does not have enough properties`,
      );
    }
    if (typeof maxProperties === "number" && dictSize(value) > maxProperties) {
      this.#refuse("maxProperties", `${this.#shown(schema, value, isSecret)} has too many properties`);
    }
    const dependencies = schemaOf(schema.dependencies);
    if (dependencies !== null) this.#dependencies(dependencies, value, depth, isSecret);
  }

  /** Members by the patterns of their names, and those that are not declared. */
  #others(schema: Schema, properties: Schema, value: Members, depth: number, isSecret: boolean): void {
    const { additionalProperties: others } = schema;
    const isClosed = others === false;
    const patterns = schemaOf(schema.patternProperties);
    if (patterns === null && isClosed) {
      this.#refuseExtra(namesOf(value).filter((name) => !Object.hasOwn(properties, name)));
    } else if (patterns !== null || schemaOf(others) !== null) {
      const extra: string[] = [];
      for (const [key, item] of dictEntries(value)) {
        const name = String(key);
        const matching = Object.entries(patterns ?? noSchemas).filter(([pattern]) =>
          compilePattern(pattern).test(name, false, this.#regex),
        );
        for (const [, own] of matching) this.#member(name, own, item, depth, isSecret);
        if (matching.length > 0 || Object.hasOwn(properties, name)) continue;
        if (isClosed) extra.push(name);
        else this.#member(name, others, item, depth, isSecret);
      }
      this.#refuseExtra(extra);
    }
  }

  #refuseExtra(extra: readonly string[]): void {
    if (extra.length === 0) return;
    const names = `${extra.map((name) => repr(name)).join(", ")} ${extra.length > 1 ? "were" : "was"}`;
    this.#refuse("additionalProperties", `Additional properties are not allowed (${names} unexpected)`);
  }

  #dependencies(dependencies: Schema, value: Members, depth: number, isSecret: boolean): void {
    for (const [name, needs] of Object.entries(dependencies)) {
      if (!dictHas(value, name)) continue;
      const names = typeof needs === "string" ? [needs] : Array.isArray(needs) ? needs.map(String) : null;
      if (names === null) this.check(needs, value, depth + 1, isSecret);
      for (const needed of names ?? []) {
        if (dictHas(value, needed)) continue;
        this.#refuse("dependencies", `${repr(needed)} is a dependency of ${repr(name)}`);
      }
    }
  }
}

const noSchemas: Schema = {};
type Members = Dict | Record<string, unknown>;

function namesOf(value: Members): string[] {
  return value instanceof Dict ? value.entries().map(([key]) => String(key)) : Object.keys(value);
}

function hasChoices({ enum: choices, allOf, anyOf, oneOf, not }: Schema): boolean {
  return (choices ?? allOf ?? anyOf ?? oneOf ?? not ?? null) !== null;
}

/** A type that nobody knows takes anything. */
function isOfType(name: string, value: unknown): boolean {
  return !Object.hasOwn(types, name) || types[name]?.(value) === true;
}

const orEqual = (isExclusive: boolean) => (isExclusive ? "or equal to " : "");

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
