/** The methods of Python's `list`, `tuple`, `dict` and numbers that a template may call. */

import { bind, changed, type Named, withoutArguments } from "./arguments.ts";
import { equal, sorted } from "./compare.ts";
import { toInt } from "./numbers.ts";
import { iterate } from "./sequence.ts";
import type { Method } from "./string-methods.ts";
import { repr } from "./text.ts";
import {
  Dict,
  dictEntries,
  dictGet,
  Float,
  fail,
  isDict,
  isFloat,
  isInt,
  roomForItems,
  Stream,
  Tuple,
} from "./values.ts";

type AnyDict = Dict | Record<string, unknown>;

/** Says whether a list or dict was made by the template itself; payloads are never changed. */
export interface Ownership {
  own<T extends object>(value: T): T;
  owns(value: object): boolean;
}

function place(items: readonly unknown[], value: unknown): number {
  return items.findIndex((item) => equal(item, value));
}

function index(items: readonly unknown[], args: readonly unknown[], named: Named, kind: string): number {
  const [value, start, stop] = bind("index", ["value!", "start", "stop"], args, named);
  const from = start === undefined ? 0 : Number(toInt(start));
  const to = stop === undefined ? items.length : Number(toInt(stop));
  const at = items.findIndex((item, i) => i >= from && i < to && equal(item, value));
  return at >= 0
    ? at
    : fail(kind === "list" ? `${repr(value)} is not in list` : "tuple.index(x): x not in tuple");
}

/** Methods that change their list; `self` is known to belong to the template. */
const listChanges: Readonly<Record<string, Method<unknown[]>>> = {
  append: (self, args, named) => changed(self.push(bind("append", ["object!"], args, named)[0])),
  extend: (self, args, named) => {
    const items = iterate(bind("extend", ["iterable!"], args, named)[0]);
    roomForItems(self.length + items.length);
    for (const item of [...items]) self.push(item);
    return null;
  },
  insert: (self, args, named) => {
    const [at, value] = bind("insert", ["index!", "object!"], args, named);
    self.splice(Number(toInt(at)), 0, value);
    return null;
  },
  pop: (self, args, named) => {
    const [at] = bind("pop", ["index"], args, named);
    const n = at === undefined ? self.length - 1 : Number(toInt(at));
    const real = n < 0 ? n + self.length : n;
    if (real < 0 || real >= self.length)
      return fail(self.length === 0 ? "pop from empty list" : "pop index out of range");
    return self.splice(real, 1)[0];
  },
  remove: (self, args, named) => {
    const at = place(self, bind("remove", ["value!"], args, named)[0]);
    if (at < 0) return fail("list.remove(x): x not in list");
    self.splice(at, 1);
    return null;
  },
  reverse: (self, args, named) => withoutArguments("reverse", args, named, () => changed(self.reverse())),
  clear: (self, args, named) => withoutArguments("clear", args, named, () => changed(self.splice(0))),
  sort: (self, args, named) => {
    const reverse = named.get("reverse") === true;
    bind("sort", ["reverse"], args, named);
    self.splice(0, self.length, ...sorted(self, (item) => item, reverse));
    return null;
  },
};

const dictChanges: Readonly<Record<string, Method<Dict>>> = {
  update: (self, args, named) => {
    const [other] = args;
    const pairs = other === undefined ? [] : isDict(other) ? dictEntries(other) : iterate(other).map(pair);
    for (const [key, value] of [...pairs, ...named]) self.set(key, value);
    return null;
  },
  setdefault: (self, args, named) => {
    const [key, value] = bind("setdefault", ["key!", "default"], args, named);
    if (!self.has(key)) self.set(key, value ?? null);
    return self.get(key);
  },
  pop: (self, args, named) => {
    const [key, otherwise] = bind("pop", ["key!", "default"], args, named);
    const value = self.get(key);
    if (value === undefined) return otherwise === undefined ? fail(repr(key)) : otherwise;
    self.delete(key);
    return value;
  },
  popitem: (self, args, named) => {
    bind("popitem", [], args, named);
    const last = self.entries().at(-1);
    if (last === undefined) return fail("popitem(): dictionary is empty");
    self.delete(last[0]);
    return new Tuple(last);
  },
  clear: (self, args, named) => withoutArguments("clear", args, named, () => changed(self.clear())),
};

function pair(value: unknown): readonly [unknown, unknown] {
  const items = iterate(value);
  return items.length === 2 ? [items[0], items[1]] : fail("dictionary update sequence element is no pair");
}

const dictReads: Readonly<Record<string, Method<AnyDict>>> = {
  items: (self, args, named) =>
    withoutArguments(
      "items",
      args,
      named,
      () =>
        new Stream(
          "dict_items",
          dictEntries(self).map((entry) => new Tuple(entry)),
        ),
    ),
  keys: (self, args, named) =>
    withoutArguments(
      "keys",
      args,
      named,
      () =>
        new Stream(
          "dict_keys",
          dictEntries(self).map(([key]) => key),
        ),
    ),
  values: (self, args, named) =>
    withoutArguments(
      "values",
      args,
      named,
      () =>
        new Stream(
          "dict_values",
          dictEntries(self).map(([, value]) => value),
        ),
    ),
  get: (self, args, named) => {
    const [key, otherwise] = bind("get", ["key!", "default"], args, named);
    const value = dictGet(self, key);
    return value === undefined ? (otherwise ?? null) : value;
  },
};

const intMethods: Readonly<Record<string, Method<number | bigint>>> = {
  bit_length: (self) => (self === 0 ? 0 : (self < 0 ? -BigInt(self) : BigInt(self)).toString(2).length),
  conjugate: (self) => self,
};

const floatMethods: Readonly<Record<string, Method<number | Float>>> = {
  is_integer: (self) => self instanceof Float,
  conjugate: (self) => self,
};

const READ_ONLY = "a payload cannot be changed: copy it first, for instance with | list or dict(…)";

/** The method `name` of a container or number, bound to `self`; `null` when its type has none of that name. */
export function containerMethod(
  self: unknown,
  name: string,
  ownership: Ownership,
): ((args: readonly unknown[], named: Named) => unknown) | null {
  const bound = <T>(method: Method<T> | undefined, target: T) =>
    method === undefined ? null : (args: readonly unknown[], named: Named) => method(target, args, named);
  const changing =
    <T extends object>(method: Method<T>, target: T) =>
    (args: readonly unknown[], named: Named) =>
      ownership.owns(target) ? method(target, args, named) : fail(READ_ONLY);
  const table = <T>(methods: Readonly<Record<string, Method<T>>>) =>
    Object.hasOwn(methods, name) ? methods[name] : undefined;

  if (Array.isArray(self)) {
    const change = table(listChanges);
    if (change !== undefined) return changing(change, self as unknown[]);
    if (name === "index") return (args, named) => index(self, args, named, "list");
    if (name === "count") return (args, named) => countOf(self, args, named);
    return name === "copy" ? () => ownership.own([...self]) : null;
  }
  if (self instanceof Tuple) {
    if (name === "index") return (args, named) => index(self.items, args, named, "tuple");
    return name === "count" ? (args, named) => countOf(self.items, args, named) : null;
  }
  if (isDict(self)) {
    if (name === "copy") return () => ownership.own(Dict.of(dictEntries(self)));
    const change = table(dictChanges);
    if (change !== undefined) {
      return self instanceof Dict ? changing(change, self) : () => fail(READ_ONLY);
    }
    return bound(table(dictReads), self);
  }
  if (isInt(self)) return bound(table(intMethods), self);
  return isFloat(self) ? bound(table(floatMethods), self) : null;
}

function countOf(items: readonly unknown[], args: readonly unknown[], named: Named): number {
  const [value] = bind("count", ["value!"], args, named);
  return items.filter((item) => equal(item, value)).length;
}
