/** The operators of criteria (st2 docs, Rules: Criteria comparison), under all their names. */
import { PetrelError } from "../errors.ts";
import { contains, equal, ordered } from "../expressions/python/compare.ts";
import { floatOf, toFloat } from "../expressions/python/numbers.ts";
import { typeName } from "../expressions/python/values.ts";
import type { RegexOracle } from "../expressions/regex/answer.ts";
import type { RegexFlags } from "../expressions/regex/parse.ts";
import { compilePattern } from "../expressions/regex/pattern.ts";
import type { Clause } from "../expressions/regex/required-text.ts";
import { parseDateTime } from "./datetime-text.ts";
import { compileWildcard, wildcardTexts } from "./wildcard.ts";

/** What an operator may use besides value and pattern. */
export interface OperatorEnvironment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly regex: RegexOracle;
}

/** A comparison with one fixed pattern. Throws where Python would: wrong types, malformed patterns. */
export type Comparison = (value: unknown, environment: OperatorEnvironment) => boolean;
type Prepare = (pattern: unknown) => Comparison;

/**
 * What a text fulfils for which the comparison holds: each clause names texts of which it has one. A text that does not
 * is a clean mismatch; of values that are no text nothing is said.
 */
export interface TextNeeds {
  /** The clauses are about the text in lower case. */
  readonly ignoreCase: boolean;
  readonly clauses: readonly Clause[];
}

export interface Operator {
  readonly name: string;
  /** Work on the pattern is done once, here. */
  readonly prepare: Prepare;
  /** `exists` and `nexists` do without a pattern. */
  readonly needsPattern: boolean;
  /** Of a pattern that `prepare` takes. */
  readonly needs: (pattern: string) => TextNeeds;
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw new PetrelError("CRITERIA_TYPE", `a text was expected, got ${typeName(value)}`);
}

/** A comparison of two texts, perhaps in lower case; anything but text is refused. */
function texts(test: (value: string, pattern: string) => boolean, ignoreCase = false): Prepare {
  return (pattern) => {
    if (typeof pattern !== "string") return (value) => test(text(value), text(pattern));
    if (!ignoreCase) return (value) => test(text(value), pattern);
    const wanted = pattern.toLowerCase();
    return (value) => test(text(value).toLowerCase(), wanted);
  };
}

function regex(flags: RegexFlags, anchored: boolean): Prepare {
  return (pattern) => {
    const compiled = compilePattern(text(pattern), flags);
    return (value, { regex: oracle }) => compiled.test(text(value), anchored, oracle);
  };
}

/** Seconds since the moment that `value` names, compared with the pattern. */
function age(operator: "<" | ">"): Prepare {
  return (pattern) =>
    (value, { now }) => {
      const seconds = (now - parseDateTime(text(value), now)) / 1000;
      return ordered(seconds, operator, floatOf(toFloat(pattern)));
    };
}

function equals(pattern: unknown): Comparison {
  if (typeof pattern !== "string") return (value) => equal(value, pattern);
  return (value) => (typeof value === "string" ? value === pattern : equal(value, pattern));
}

function compared(operator: "<" | ">"): Prepare {
  return (pattern) => {
    if (typeof pattern !== "number") return (value) => ordered(value, operator, pattern);
    return operator === "<"
      ? (value) => (typeof value === "number" ? value < pattern : ordered(value, "<", pattern))
      : (value) => (typeof value === "number" ? value > pattern : ordered(value, ">", pattern));
  };
}

function wildcard(pattern: unknown): Comparison {
  const test = compileWildcard(text(pattern));
  return (value) => test(text(value));
}

const rows: readonly (readonly [names: string, prepare: Prepare])[] = [
  ["equals eq", equals],
  ["nequals neq", (pattern) => (value) => !equal(value, pattern)],
  ["iequals ieq", texts((value, pattern) => value === pattern, true)],
  ["contains", (pattern) => (value) => contains(value, pattern)],
  ["ncontains", (pattern) => (value) => !contains(value, pattern)],
  ["icontains", texts((value, pattern) => value.includes(pattern), true)],
  ["incontains", texts((value, pattern) => !value.includes(pattern), true)],
  ["startswith", texts((value, pattern) => value.startsWith(pattern))],
  ["istartswith", texts((value, pattern) => value.startsWith(pattern), true)],
  ["endswith", texts((value, pattern) => value.endsWith(pattern))],
  ["iendswith", texts((value, pattern) => value.endsWith(pattern), true)],
  ["lessthan lt", compared("<")],
  ["greaterthan gt", compared(">")],
  ["matchwildcard", wildcard],
  ["matchregex", regex({ dotAll: true }, true)],
  ["regex", regex({}, false)],
  ["iregex", regex({ ignoreCase: true }, false)],
  ["timediff_lt td_lt", age("<")],
  ["timediff_gt td_gt", age(">")],
  ["exists", () => (value) => value !== null],
  ["nexists", () => (value) => value === null],
  ["inside in", (pattern) => (value) => contains(pattern, value)],
  ["ninside nin", (pattern) => (value) => !contains(pattern, value)],
];

const whole = (pattern: string): TextNeeds => ({ ignoreCase: false, clauses: [[pattern]] });
const wholeIgnoringCase = (pattern: string): TextNeeds => ({
  ignoreCase: true,
  clauses: [[pattern.toLowerCase()]],
});
const patternNeeds =
  (flags: RegexFlags) =>
  (pattern: string): TextNeeds => ({ ignoreCase: false, clauses: compilePattern(pattern, flags).needs });
const noNeeds: TextNeeds = { ignoreCase: false, clauses: [] };

const needs: Readonly<Record<string, (pattern: string) => TextNeeds>> = {
  "iequals ieq": wholeIgnoringCase,
  contains: whole,
  icontains: wholeIgnoringCase,
  startswith: whole,
  istartswith: wholeIgnoringCase,
  endswith: whole,
  iendswith: wholeIgnoringCase,
  matchwildcard: (pattern) => ({ ignoreCase: false, clauses: wildcardTexts(pattern).map((run) => [run]) }),
  matchregex: patternNeeds({ dotAll: true }),
  regex: patternNeeds({}),
};

/** A null pattern never matches, except for these. */
const NULL_PATTERN = new Set(["nequals neq", "exists", "nexists"]);
const never: Comparison = () => false;

const operators: ReadonlyMap<string, Operator> = new Map(
  rows.flatMap(([names, prepare]) =>
    names.split(" ").map((name) => [
      name,
      {
        name,
        needsPattern: !name.endsWith("exists"),
        needs: needs[names] ?? (() => noNeeds),
        prepare: NULL_PATTERN.has(names)
          ? prepare
          : (pattern) => (pattern === null ? never : prepare(pattern)),
      } satisfies Operator,
    ]),
  ),
);

/** `search` has its own shape, see `search.ts`. */
export const SEARCH = "search";
export const SEARCH_CONDITIONS = ["any", "all", "any2any", "all2any"] as const;

/** The operator of that exact name; `undefined` for `search` and for names that do not exist. */
export function findOperator(name: string): Operator | undefined {
  return operators.get(name);
}

export function operatorNames(): readonly string[] {
  return [...operators.keys(), SEARCH];
}
