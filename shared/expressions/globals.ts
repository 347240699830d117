/** The functions that every template sees: `range`, `dict`, `namespace`, `cycler`, `joiner`. */
import { Inspectable } from "./member.ts";
import type { Named } from "./python/arguments.ts";
import { toInt } from "./python/numbers.ts";
import { iterate } from "./python/sequence.ts";
import {
  Callable,
  Dict,
  dictEntries,
  fail,
  isDict,
  isInt,
  Namespace,
  Range,
  typeName,
} from "./python/values.ts";

/** Jinja2's sandbox has the same limit. */
const MAX_RANGE = 100_000;

function range(args: readonly unknown[], named: Named): Range {
  if (named.size > 0) return fail("range() takes no keyword arguments");
  if (args.length < 1 || args.length > 3) return fail(`range expected 1 to 3 arguments, got ${args.length}`);
  const numbers = args.map((value) =>
    isInt(value) || typeof value === "boolean"
      ? Number(toInt(value))
      : fail(`'${typeName(value)}' object cannot be interpreted as an integer`),
  );
  const [first = 0, second, step = 1] = numbers;
  if (step === 0) return fail("range() arg 3 must not be zero");
  const made = second === undefined ? new Range(0, first, 1) : new Range(first, second, step);
  return made.length > MAX_RANGE
    ? fail(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${MAX_RANGE}).`)
    : made;
}

function pairsOf(value: unknown): (readonly [unknown, unknown])[] {
  if (isDict(value)) return dictEntries(value);
  return iterate(value).map((entry) => {
    const pair = iterate(entry);
    return pair.length === 2
      ? ([pair[0], pair[1]] as const)
      : fail("dictionary update sequence element is no pair");
  });
}

function dict(args: readonly unknown[], named: Named): Dict {
  if (args.length > 1) return fail(`dict expected at most 1 argument, got ${args.length}`);
  return Dict.of([...(args.length === 0 ? [] : pairsOf(args[0])), ...named]);
}

function namespace(args: readonly unknown[], named: Named): Namespace {
  const space = new Namespace();
  for (const [key, value] of dict(args, named).entries()) space.attributes.set(String(key), value);
  return space;
}

/** `cycler(a, b)`: `next()` gives the items in turn. */
class Cycler extends Inspectable {
  readonly #items: readonly unknown[];
  #at = 0;

  constructor(items: readonly unknown[]) {
    super("cycler", () => fail("'Cycler' object is not callable"));
    if (items.length === 0) fail("at least one item has to be provided");
    this.#items = items;
  }

  attribute(name: string): unknown {
    switch (name) {
      case "current":
        return this.#items[this.#at];
      case "next":
        return new Callable("next", () => {
          const item = this.#items[this.#at];
          this.#at = (this.#at + 1) % this.#items.length;
          return item;
        });
      case "reset":
        return new Callable("reset", () => {
          this.#at = 0;
          return null;
        });
      default:
        return undefined;
    }
  }
}

/** `joiner(", ")`: empty at the first call, the separator at every later one. */
function joiner(args: readonly unknown[], named: Named): Callable {
  const separator = args[0] ?? named.get("sep") ?? ", ";
  let used = false;
  return new Callable("joiner", () => {
    if (used) return separator;
    used = true;
    return "";
  });
}

export const globals: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["range", new Callable("range", range)],
  ["dict", new Callable("dict", dict)],
  ["namespace", new Callable("namespace", namespace)],
  ["cycler", new Callable("cycler", (args) => new Cycler(args))],
  ["joiner", new Callable("joiner", joiner)],
]);
