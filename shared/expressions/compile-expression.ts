/** Turns expressions into closures. No text of a template ever becomes JavaScript. */

import { PetrelError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { Arguments, Expression } from "./ast.ts";
import { KeyLookup, Missing } from "./datastore-lookup.ts";
import { type FilterTable, TAKES_MISSING, type TestTable } from "./filter-table.ts";
import { call, compileAttribute, item } from "./member.ts";
import { type Named, NONE_NAMED } from "./python/arguments.ts";
import { arithmetic, negate, positive } from "./python/arithmetic.ts";
import { contains, equal, ordered, truth } from "./python/compare.ts";
import { iterate, slice } from "./python/sequence.ts";
import { str } from "./python/text.ts";
import { Dict, dictEntries, fail, isDict, sized, Tuple } from "./python/values.ts";
import { type Frame, undefinedName } from "./run.ts";

export type Evaluate = (frame: Frame) => unknown;

/** The filters, tests and global names that templates may use. */
export interface Vocabulary {
  readonly filters: FilterTable;
  readonly tests: TestTable;
  readonly globals: ReadonlyMap<string, unknown>;
}

interface CompiledArguments {
  readonly positional: (frame: Frame) => readonly unknown[];
  readonly named: (frame: Frame) => Named;
}

const NO_ARGS: readonly unknown[] = [];

/** A datastore place becomes its key's text, or a Missing. */
function settle(value: unknown): unknown {
  if (!(value instanceof KeyLookup)) return value;
  if (value.key === "") return value;
  return value.value ?? new Missing(value);
}

export class ExpressionCompiler {
  readonly #vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** The value as operators and filters see it: a missing datastore key is the empty text. */
  value(node: Expression): Evaluate {
    if (node.type === "constant") return this.#raw(node);
    const raw = this.#raw(node);
    return (frame) => {
      const value = raw(frame);
      if (typeof value !== "object" || value === null) return value;
      if (!(value instanceof KeyLookup) && !(value instanceof Missing)) return value;
      const settled = settle(value);
      return settled instanceof Missing ? "" : settled;
    };
  }

  /** The value as `default` and assignments see it: a missing key is still known as one. */
  settled(node: Expression): Evaluate {
    const raw = this.#raw(node);
    return (frame) => settle(raw(frame));
  }

  #raw(node: Expression): Evaluate {
    switch (node.type) {
      case "constant": {
        const { value } = node;
        return () => value;
      }
      case "name":
        return this.#name(node.name);
      case "list": {
        const items = node.items.map((entry) => this.value(entry));
        return (frame) => frame.run.own(items.map((entry) => entry(frame)));
      }
      case "tuple": {
        const items = node.items.map((entry) => this.value(entry));
        return (frame) => new Tuple(items.map((entry) => entry(frame)));
      }
      case "dict": {
        const pairs = node.pairs.map(([key, value]) => [this.value(key), this.value(value)] as const);
        return (frame) =>
          frame.run.own(Dict.of(pairs.map(([key, value]) => [key(frame), value(frame)] as const)));
      }
      case "attribute": {
        const of = this.#raw(node.of);
        const attribute = compileAttribute(node.name);
        return (frame) => attribute(of(frame), frame.run);
      }
      case "item":
        return this.#item(node.of, node.key);
      case "slice":
        return this.#slice(node);
      case "call": {
        const callee = this.#raw(node.callee);
        const args = this.arguments(node.args);
        // What dict(…) makes may be changed by the template that made it.
        const fresh = node.callee.type === "name" && node.callee.name === "dict";
        return (frame) => {
          frame.run.step();
          const result = call(callee(frame), args.positional(frame), args.named(frame), frame.run);
          return sized(fresh && isDict(result) ? frame.run.own(result) : result);
        };
      }
      case "filter":
        return this.filter(node, node.input === null ? () => fail("a filter needs a value") : null);
      case "test":
        return this.#test(node);
      default:
        return this.#operator(node);
    }
  }

  #name(name: string): Evaluate {
    const known = this.#vocabulary.globals.get(name);
    return (frame) => {
      const value = frame.get(name);
      // null is None, a value like any other.
      return value === undefined ? (known ?? undefinedName(name)) : value;
    };
  }

  #item(of: Expression, key: Expression): Evaluate {
    const object = this.#raw(of);
    if (key.type === "slice") {
      const bounds = this.#slice(key);
      const value = this.value(of);
      return (frame) => slice(value(frame), bounds(frame) as never);
    }
    const index = this.value(key);
    return (frame) => item(object(frame), index(frame), frame.run);
  }

  #slice(node: Extract<Expression, { type: "slice" }>): Evaluate {
    const part = (expression: Expression | null): Evaluate =>
      expression === null ? () => null : this.value(expression);
    const start = part(node.start);
    const stop = part(node.stop);
    const step = part(node.step);
    return (frame) => ({ start: start(frame), stop: stop(frame), step: step(frame) });
  }

  #operator(node: Expression): Evaluate {
    switch (node.type) {
      case "binary": {
        const { operator } = node;
        const left = this.value(node.left);
        const right = this.value(node.right);
        return (frame) => arithmetic(left(frame), operator, right(frame));
      }
      case "negate": {
        const operand = this.value(node.operand);
        return (frame) => negate(operand(frame));
      }
      case "positive": {
        const operand = this.value(node.operand);
        return (frame) => positive(operand(frame));
      }
      case "not": {
        const operand = this.value(node.operand);
        return (frame) => !truth(operand(frame));
      }
      case "and": {
        const left = this.settled(node.left);
        const right = this.settled(node.right);
        return (frame) => {
          const value = left(frame);
          return value instanceof Missing || !truth(value) ? value : right(frame);
        };
      }
      case "or": {
        const left = this.settled(node.left);
        const right = this.settled(node.right);
        return (frame) => {
          const value = left(frame);
          return !(value instanceof Missing) && truth(value) ? value : right(frame);
        };
      }
      case "concat": {
        const parts = node.parts.map((part) => this.value(part));
        return (frame) => sized(parts.map((part) => str(part(frame))).join(""));
      }
      case "conditional": {
        const test = this.value(node.test);
        const then = this.settled(node.then);
        const otherwise = node.otherwise === null ? noElse : this.settled(node.otherwise);
        return (frame) => (truth(test(frame)) ? then(frame) : otherwise(frame));
      }
      case "compare":
        return this.#compare(node);
      default:
        return fail("unknown expression");
    }
  }

  #compare(node: Extract<Expression, { type: "compare" }>): Evaluate {
    const first = this.value(node.first);
    const rest = node.rest.map(({ operator, operand }) => ({ operator, operand: this.value(operand) }));
    return (frame) => {
      let left = first(frame);
      for (const { operator, operand } of rest) {
        const right = operand(frame);
        if (!compareWith(left, operator, right)) return false;
        left = right;
      }
      return true;
    };
  }

  /** A filter applied to `input`, or to its own input when that is `null`. */
  filter(node: Extract<Expression, { type: "filter" }>, input: Evaluate | null): Evaluate {
    const filter = this.#vocabulary.filters.get(node.name);
    if (filter === undefined) return unknownName("filter", node.name, this.#vocabulary.filters.keys());
    const args = this.arguments(node.args);
    const inner = node.input;
    const from =
      inner === null || inner.type === "filter"
        ? inner === null
          ? (input ?? noElse)
          : this.#chained(inner, input, TAKES_MISSING.has(node.name))
        : TAKES_MISSING.has(node.name)
          ? this.settled(inner)
          : this.value(inner);
    return (frame) => {
      frame.run.step();
      return sized(filter(frame.run, from(frame), args.positional(frame), args.named(frame)));
    };
  }

  #chained(inner: Extract<Expression, { type: "filter" }>, input: Evaluate | null, keep: boolean): Evaluate {
    const evaluate = this.filter(inner, input);
    return (frame) => {
      const value = evaluate(frame);
      return value instanceof Missing && !keep ? "" : value;
    };
  }

  #test(node: Extract<Expression, { type: "test" }>): Evaluate {
    const test = this.#vocabulary.tests.get(node.name);
    if (test === undefined) return unknownName("test", node.name, this.#vocabulary.tests.keys());
    const input = TAKES_MISSING.has(node.name) ? this.settled(node.input) : this.value(node.input);
    const args = this.arguments(node.args);
    return (frame) => test(frame.run, input(frame), args.positional(frame), args.named(frame));
  }

  arguments(args: Arguments): CompiledArguments {
    const positional = args.positional.map((argument) => this.value(argument));
    const named = args.named.map(({ name, value }) => [name, this.value(value)] as const);
    const spread = args.spread === null ? null : this.value(args.spread);
    const spreadNamed = args.spreadNamed === null ? null : this.value(args.spreadNamed);
    return {
      positional:
        positional.length === 0 && spread === null
          ? () => NO_ARGS
          : (frame) => [
              ...positional.map((argument) => argument(frame)),
              ...(spread === null ? [] : iterate(spread(frame))),
            ],
      named:
        named.length === 0 && spreadNamed === null
          ? () => NONE_NAMED
          : (frame) => {
              const given = new Map<string, unknown>(named.map(([name, value]) => [name, value(frame)]));
              const more = spreadNamed === null ? {} : spreadNamed(frame);
              if (!isDict(more)) return fail("argument after ** must be a mapping");
              for (const [name, value] of dictEntries(more)) given.set(str(name), value);
              return given;
            },
    };
  }
}

const NO_ELSE = new Missing(null);
const noElse: Evaluate = () => NO_ELSE;

function compareWith(left: unknown, operator: string, right: unknown): boolean {
  switch (operator) {
    case "==":
      return equal(left, right);
    case "!=":
      return !equal(left, right);
    case "in":
      return contains(right, left);
    case "not in":
      return !contains(right, left);
    default:
      return ordered(left, operator as "<", right);
  }
}

function unknownName(kind: string, name: string, known: Iterable<string>): never {
  const near = nearest(name, known);
  throw new PetrelError("EXPRESSION_SYNTAX", `No ${kind} named '${name}'.`, {
    hint: near === null ? undefined : `did you mean '${near}'?`,
  });
}
