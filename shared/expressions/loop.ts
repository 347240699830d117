/** The `loop` variable of a for block. */
import { Inspectable } from "./member.ts";
import type { Named } from "./python/arguments.ts";
import { equal } from "./python/compare.ts";
import { Callable, fail, Undefined } from "./python/values.ts";

export class Loop extends Inspectable {
  readonly #items: readonly unknown[];
  readonly #depth: number;
  #index = 0;
  #changed: readonly unknown[] | null = null;

  /** `again` renders the loop's body over another iterable; `null` when the loop is not recursive. */
  constructor(items: readonly unknown[], depth: number, again: ((items: unknown) => string) | null) {
    super("loop", (args: readonly unknown[], _named: Named) =>
      again === null
        ? fail("The loop must have the 'recursive' marker to be called recursively.")
        : again(args[0]),
    );
    this.#items = items;
    this.#depth = depth;
  }

  advance(): void {
    this.#index++;
  }

  attribute(name: string): unknown {
    const at = this.#index;
    const size = this.#items.length;
    switch (name) {
      case "index":
        return at + 1;
      case "index0":
        return at;
      case "revindex":
        return size - at;
      case "revindex0":
        return size - at - 1;
      case "first":
        return at === 0;
      case "last":
        return at === size - 1;
      case "length":
        return size;
      case "depth":
        return this.#depth + 1;
      case "depth0":
        return this.#depth;
      case "previtem":
        return at > 0 ? this.#items[at - 1] : new Undefined("there is no previous item");
      case "nextitem":
        return at < size - 1 ? this.#items[at + 1] : new Undefined("there is no next item");
      case "cycle":
        return new Callable("cycle", (args) =>
          args.length === 0 ? fail("no items for cycling given") : args[at % args.length],
        );
      case "changed":
        return new Callable("changed", (args) => this.#hasChanged(args));
      default:
        return undefined;
    }
  }

  #hasChanged(values: readonly unknown[]): boolean {
    const before = this.#changed;
    this.#changed = values;
    return (
      before === null ||
      before.length !== values.length ||
      !values.every((value, i) => equal(value, before[i]))
    );
  }
}
