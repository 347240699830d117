/** Jinja2's filters for lists, dicts and other iterables. */
import type { Filter, FilterTable, Test, TestTable } from "../filter-table.ts";
import { attribute, follow, Group, path } from "../member.ts";
import { bind, type Named } from "../python/arguments.ts";
import { arithmetic } from "../python/arithmetic.ts";
import { equal, ordered, sorted, truth } from "../python/compare.ts";
import { toInt } from "../python/numbers.ts";
import { codePoints, iterate, length } from "../python/sequence.ts";
import { repr, str } from "../python/text.ts";
import {
  defined,
  dictEntries,
  fail,
  hashKey,
  isDict,
  roomFor,
  Stream,
  Tuple,
  typeName,
  Undefined,
} from "../python/values.ts";
import type { Run } from "../run.ts";

type Getter = (item: unknown) => unknown;

/** Walks an iterable and pays for it. */
function walk(run: Run, value: unknown): readonly unknown[] {
  const items = iterate(value);
  run.step(items.length);
  return items;
}

function ignoreCase(value: unknown): unknown {
  return typeof value === "string" ? value.toLowerCase() : value;
}

function getter(run: Run, attributes: unknown, caseSensitive: boolean, otherwise?: unknown): Getter {
  const parts = path(attributes);
  return (item) => {
    let value = follow(item, parts, run);
    if (otherwise !== undefined && otherwise !== null && value instanceof Undefined) value = otherwise;
    return caseSensitive ? value : ignoreCase(value);
  };
}

/** `sort(attribute="a,b")`: a list of keys, compared one after the other. */
function multiGetter(run: Run, attributes: unknown, caseSensitive: boolean): Getter {
  const getters =
    typeof attributes === "string"
      ? attributes.split(",").map((part) => getter(run, part, caseSensitive))
      : [getter(run, attributes, caseSensitive)];
  return (item) => getters.map((get) => get(item));
}

function extreme(name: string, order: "<" | ">"): [string, Filter] {
  return [
    name,
    (run, input, args, named) => {
      const [caseSensitive, attributes] = bind(name, ["case_sensitive", "attribute"], args, named);
      const items = walk(run, input);
      const [first, ...rest] = items;
      if (items.length === 0) return new Undefined("No aggregated item, sequence was empty.");
      const key = getter(run, attributes, truth(caseSensitive ?? false));
      let best = { item: first, key: key(first) };
      for (const item of rest) {
        const candidate = { item, key: key(item) };
        if (ordered(candidate.key, order, best.key)) best = candidate;
      }
      return best.item;
    },
  ];
}

function groupBy(run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [attributes, otherwise, caseSensitive] = bind(
    "groupby",
    ["attribute!", "default", "case_sensitive"],
    args,
    named,
  );
  const exact = truth(caseSensitive ?? false);
  const key = getter(run, attributes, exact, otherwise);
  const shown = getter(run, attributes, true, otherwise);
  const groups: { key: unknown; items: unknown[] }[] = [];
  for (const item of sorted(walk(run, input), key)) {
    const value = key(item);
    const last = groups.at(-1);
    if (last !== undefined && equal(last.key, value)) last.items.push(item);
    else groups.push({ key: value, items: [item] });
  }
  return groups.map((group) => new Group([exact ? group.key : shown(group.items[0]), group.items]));
}

function batch(run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [count, fill] = bind("batch", ["linecount!", "fill_with"], args, named);
  const size = Number(toInt(count));
  const rows: unknown[][] = [];
  for (const item of walk(run, input)) {
    const last = rows.at(-1);
    if (last === undefined || last.length === size) rows.push([item]);
    else last.push(item);
  }
  const last = rows.at(-1);
  if (last !== undefined && fill !== undefined && fill !== null) {
    run.step(Math.max(0, size - last.length));
    while (last.length < size) last.push(fill);
  }
  return new Stream("generator", rows);
}

function sliceInto(run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [count, fill] = bind("slice", ["slices!", "fill_with"], args, named);
  const slices = Number(toInt(count));
  const items = walk(run, input);
  if (slices === 0) return fail("integer division or modulo by zero");
  run.step(Math.max(0, slices));
  const each = Math.floor(items.length / slices);
  const longer = items.length % slices;
  const columns: unknown[][] = [];
  let offset = 0;
  for (let i = 0; i < slices; i++) {
    const size = i < longer ? each + 1 : each;
    const column = items.slice(offset, offset + size);
    offset += size;
    if (fill !== undefined && fill !== null && i >= longer) column.push(fill);
    columns.push(column);
  }
  return new Stream("generator", columns);
}

function sum(run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [attributes, start] = bind("sum", ["attribute", "start"], args, named);
  if (typeof start === "string") return fail("sum() can't sum strings [use ''.join(seq) instead]");
  const get = getter(run, attributes, true);
  return walk(run, input).reduce(
    (total: unknown, item) => arithmetic(total, "+", get(item)),
    start === undefined ? 0 : start,
  );
}

function reverse(_run: Run, input: unknown): unknown {
  defined(input);
  if (typeof input === "string") return codePoints(input).toReversed().join("");
  const items = iterate(input).toReversed();
  return input instanceof Stream && !input.kind.startsWith("dict_")
    ? items
    : new Stream("list_reverseiterator", items);
}

function join(run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [separator, attributes] = bind("join", ["d", "attribute"], args, named);
  const get = getter(run, attributes, true);
  const between = str(separator ?? "");
  const items = walk(run, input).map((item) => str(get(item)));
  roomFor(between.length * items.length);
  return items.join(between);
}

/** `map`, `select` and their kin look filters and tests up by name, in the same tables. */
export function sequenceFilters(
  filters: () => FilterTable,
  tests: () => TestTable,
): readonly (readonly [string, Filter])[] {
  const named = <T>(table: ReadonlyMap<string, T>, kind: string, name: unknown): T =>
    table.get(str(name)) ?? fail(`No ${kind} named ${repr(name)}.`);

  function map(run: Run, input: unknown, args: readonly unknown[], given: Named): unknown {
    if (!truth(input)) return new Stream("generator", []);
    const items = walk(run, input);
    if (args.length === 0 && given.has("attribute")) {
      const [attributes, otherwise] = bind("map", ["attribute!", "default"], [], given);
      return new Stream("generator", items.map(getter(run, attributes, true, otherwise)));
    }
    if (args.length === 0) return fail("map requires a filter argument");
    const filter = named(filters(), "filter", args[0]);
    return new Stream(
      "generator",
      items.map((item) => filter(run, item, args.slice(1), given)),
    );
  }

  function pick(wanted: boolean, byAttribute: boolean): Filter {
    return (run, input, args, given) => {
      if (!truth(input)) return new Stream("generator", []);
      if (byAttribute && args.length === 0) return fail("Missing parameter for attribute name");
      const get = byAttribute ? getter(run, args[0], true) : (item: unknown) => item;
      const [name, ...rest] = byAttribute ? args.slice(1) : args;
      const test: Test = name === undefined ? (_run, item) => truth(item) : named(tests(), "test", name);
      return new Stream(
        "generator",
        walk(run, input).filter((item) => test(run, get(item), rest, given) === wanted),
      );
    };
  }

  return [
    ["map", map],
    ["select", pick(true, false)],
    ["reject", pick(false, false)],
    ["selectattr", pick(true, true)],
    ["rejectattr", pick(false, true)],
    ["groupby", groupBy],
    ["batch", batch],
    ["slice", sliceInto],
    ["sum", sum],
    ["reverse", reverse],
    ["join", join],
    extreme("min", "<"),
    extreme("max", ">"),
    [
      "first",
      (_run, input) => {
        const items = iterate(input);
        return items.length > 0 ? items[0] : new Undefined("No first item, sequence was empty.");
      },
    ],
    [
      "last",
      (_run, input) => {
        if (input instanceof Stream && !input.kind.startsWith("dict_"))
          return fail(`'${input.kind}' object is not reversible`);
        const items = iterate(input);
        return items.length > 0 ? items.at(-1) : new Undefined("No last item, sequence was empty.");
      },
    ],
    ["length", (_run, input) => length(input)],
    ["count", (_run, input) => length(input)],
    ["list", (run, input) => run.own([...walk(run, input)])],
    [
      "unique",
      (run, input, args, given) => {
        const [caseSensitive, attributes] = bind("unique", ["case_sensitive", "attribute"], args, given);
        const key = getter(run, attributes, truth(caseSensitive ?? false));
        const seen = new Set<string>();
        return new Stream(
          "generator",
          walk(run, input).filter((item) => {
            const hash = hashKey(key(item));
            return !seen.has(hash) && seen.add(hash);
          }),
        );
      },
    ],
    [
      "sort",
      (run, input, args, given) => {
        const [backwards, caseSensitive, attributes] = bind(
          "sort",
          ["reverse", "case_sensitive", "attribute"],
          args,
          given,
        );
        const key = multiGetter(run, attributes, truth(caseSensitive ?? false));
        return run.own(sorted(walk(run, input), key, truth(backwards ?? false)));
      },
    ],
    [
      "dictsort",
      (run, input, args, given) => {
        const [caseSensitive, by, backwards] = bind(
          "dictsort",
          ["case_sensitive", "by", "reverse"],
          args,
          given,
        );
        const place =
          by === undefined || by === "key"
            ? 0
            : by === "value"
              ? 1
              : fail('You can only sort by either "key" or "value"');
        if (!isDict(defined(input))) return fail(`'${typeName(input)}' object has no attribute 'items'`);
        const pairs = dictEntries(input as Record<string, unknown>);
        run.step(pairs.length);
        const exact = truth(caseSensitive ?? false);
        return sorted(
          pairs,
          (pair) => (exact ? pair[place] : ignoreCase(pair[place])),
          truth(backwards ?? false),
        ).map((pair) => new Tuple(pair));
      },
    ],
    [
      "items",
      (run, input) => {
        if (input instanceof Undefined) return new Stream("generator", []);
        if (!isDict(input)) return fail("Can only get item pairs from a mapping.");
        const pairs = dictEntries(input);
        run.step(pairs.length);
        return new Stream(
          "generator",
          pairs.map((pair) => new Tuple(pair)),
        );
      },
    ],
    [
      "attr",
      (run, input, args, given) => {
        const [name] = bind("attr", ["name!"], args, given);
        defined(input);
        // Unlike a dot, this filter never falls back to a key of that name.
        return isDict(input) ? attribute({}, str(name), run) : attribute(input, str(name), run);
      },
    ],
    [
      "random",
      () => fail("the random filter is not available: an action must be the same when it is computed again"),
    ],
  ];
}
