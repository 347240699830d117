/** JSONPath as StackStorm's criteria keys and `jsonpath_query` use it: fields, indexes, slices, `*`, `..`, unions. */
import { PetrelError } from "../errors.ts";
import { KeyLookup } from "./datastore-lookup.ts";
import { itemAt, iterate, length } from "./python/sequence.ts";
import { dictEntries, dictGet, fail, isDict, isInt, isPlainObject, typeName } from "./python/values.ts";
import type { Scope } from "./run.ts";

export type Path =
  | { readonly type: "root" | "this" | "parent" }
  | { readonly type: "fields"; readonly names: readonly string[] }
  | { readonly type: "index"; readonly at: number }
  | { readonly type: "slice"; readonly start: number | null; readonly stop: number | null }
  | {
      readonly type: "child" | "descendants" | "where" | "union" | "intersect";
      readonly left: Path;
      readonly right: Path;
    };

const TOKEN =
  /[ \t\n]*(?:(\.\.)|([a-zA-Z_@][a-zA-Z0-9_@-]*)|(-?\d+)|('(?:[^'\\]|\\[^\n])*'|"(?:[^"\\]|\\[^\n])*")|`((?:[^`\\]|\\[^\n])*)`|([*.[\]()$,:|&]))/y;
/** Binding power of the operators between two paths; a later one binds tighter. */
const POWER: Readonly<Record<string, number>> = { "..": 1, ".": 2, "|": 3, "&": 4, where: 5 };
const OPERATORS: Readonly<Record<string, "child" | "descendants" | "where" | "union" | "intersect">> = {
  "..": "descendants",
  ".": "child",
  "|": "union",
  "&": "intersect",
  where: "where",
};
const MAX_DEPTH = 50;
/**
 * Values that one search looks at: `$..$..$..a` finds all of them for each of them, so that 30 characters are work for a
 * lifetime. A trigger of the largest size has a tenth as many.
 */
const MAX_STEPS = 500_000;

type Token = { readonly kind: "mark" | "name" | "number" | "operator" | "end"; readonly text: string };

const cache = new Map<string, Path>();

/** Throws CRITERIA_KEY. */
export function parsePath(text: string): Path {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const path = new PathParser(text).parse();
  if (cache.size > 10_000) cache.clear();
  cache.set(text, path);
  return path;
}

class PathParser {
  readonly #tokens: Token[] = [];
  readonly #text: string;
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      const start = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (match === null) {
        if (/^[ \t\n]*$/.test(text.slice(start))) break;
        this.#fail(`unexpected character '${text.charAt(start)}'`);
      }
      this.#tokens.push(tokenOf(match));
    }
  }

  parse(): Path {
    const path = this.#path(0);
    if (this.#peek().kind !== "end") this.#fail(`unexpected '${this.#peek().text}'`);
    return path;
  }

  #fail(message: string): never {
    throw new PetrelError("CRITERIA_KEY", `${message} in '${this.#text}'`);
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "the end" };
  }

  #skip(mark: string): boolean {
    const token = this.#peek();
    if (token.kind !== "mark" || token.text !== mark) return false;
    this.#next++;
    return true;
  }

  #path(power: number): Path {
    if (++this.#depth > MAX_DEPTH) this.#fail("the path is nested too deeply");
    let left = this.#single();
    for (;;) {
      const token = this.#peek();
      if (token.kind === "mark" && token.text === "[") {
        left = { type: "child", left, right: this.#bracket() };
        continue;
      }
      const binds = token.kind === "mark" || token.kind === "operator" ? (POWER[token.text] ?? 0) : 0;
      const type = OPERATORS[token.text];
      if (type === undefined || binds <= power) break;
      this.#next++;
      left = { type, left, right: this.#path(binds) };
    }
    this.#depth--;
    return left;
  }

  #single(): Path {
    const token = this.#peek();
    if (token.kind === "name") return { type: "fields", names: this.#names() };
    if (token.kind === "operator" && (token.text === "this" || token.text === "parent")) {
      this.#next++;
      return { type: token.text };
    }
    if (this.#skip("*")) return { type: "fields", names: ["*"] };
    if (this.#skip("$")) return { type: "root" };
    if (token.kind === "mark" && token.text === "[") return this.#bracket();
    if (this.#skip("(")) {
      const inner = this.#path(0);
      if (!this.#skip(")")) this.#fail("')' expected");
      return inner;
    }
    return this.#fail(`unexpected '${token.text}'`);
  }

  #names(): string[] {
    const names: string[] = [];
    do {
      const token = this.#peek();
      if (token.kind !== "name") return this.#fail(`a name expected, got '${token.text}'`);
      names.push(token.text);
      this.#next++;
    } while (this.#skip(","));
    return names;
  }

  #bracket(): Path {
    this.#skip("[");
    const path = this.#inBracket();
    return this.#skip("]") ? path : this.#fail("']' expected");
  }

  #inBracket(): Path {
    if (this.#skip("*")) return { type: "slice", start: null, stop: null };
    if (this.#peek().kind === "name") return { type: "fields", names: this.#names() };
    const start = this.#number();
    if (this.#skip(":")) return { type: "slice", start, stop: this.#number() };
    return start === null ? this.#fail(`unexpected '${this.#peek().text}'`) : { type: "index", at: start };
  }

  #number(): number | null {
    const token = this.#peek();
    if (token.kind !== "number") return null;
    this.#next++;
    return Number(token.text);
  }
}

function tokenOf([, dots, name, number, quoted, named, mark]: RegExpExecArray): Token {
  if (name === "where") return { kind: "operator", text: "where" };
  if (name !== undefined) return { kind: "name", text: name };
  if (number !== undefined) return { kind: "number", text: number };
  if (quoted !== undefined) return { kind: "name", text: quoted.slice(1, -1).replace(/\\(.)/gs, "$1") };
  if (named !== undefined) return { kind: "operator", text: named };
  return { kind: "mark", text: dots ?? mark ?? "" };
}

/** A value and the one it was found in. */
interface Found {
  readonly value: unknown;
  readonly parent: Found | null;
  /** Of the whole search. */
  readonly search: { steps: number };
}

const rootOf = (value: unknown): Found => ({ value, parent: null, search: { steps: 0 } });

/** All values the path finds, in order. Throws what Python would: an index into a number, say. */
export function findValues(path: string, root: unknown): readonly unknown[] {
  return find(parsePath(path), rootOf(root)).map((found) => found.value);
}

/**
 * A function from a scope to the first value that the path finds there; `undefined` when there is none. Throws what
 * Python would.
 */
export function compileFirst(path: string): (scope: Scope) => unknown {
  const tree = parsePath(path);
  const fields = plainFields(tree);
  if (fields === null) return (scope) => find(tree, rootOf(scope))[0]?.value;
  const [first, ...others] = fields;
  // Nearly all of them begin so, and this way the engine knows where it is.
  if (first === "trigger") return ({ trigger }) => follow(trigger, others);
  return (scope) => follow(scope, fields);
}

function follow(from: unknown, fields: readonly string[]): unknown {
  let value = from;
  for (const field of fields) {
    if (value === undefined) return undefined;
    value = memberOf(value, field);
  }
  return value;
}

function plainFields(path: Path): readonly string[] | null {
  if (path.type === "fields") return path.names.length === 1 && path.names[0] !== "*" ? path.names : null;
  if (path.type !== "child") return null;
  const left = plainFields(path.left);
  const right = plainFields(path.right);
  return left === null || right === null ? null : [...left, ...right];
}

function memberOf(value: unknown, field: string): unknown {
  if (isPlainObject(value)) return Object.hasOwn(value, field) ? value[field] : undefined;
  if (value instanceof KeyLookup) return value.member(field);
  return isDict(value) ? dictGet(value, field) : undefined;
}

function find(path: Path, from: Found): readonly Found[] {
  if (++from.search.steps > MAX_STEPS) return fail(`the path looks at more than ${MAX_STEPS} values`);
  switch (path.type) {
    case "root": {
      let found = from;
      while (found.parent !== null) found = found.parent;
      return [found];
    }
    case "this":
      return [from];
    case "parent":
      return from.parent === null ? fail("the root has no parent") : [from.parent];
    case "fields":
      return findFields(path.names, from);
    case "index":
      return findIndex(path.at, from);
    case "slice":
      return findSlice(path.start, path.stop, from);
    case "child":
      return find(path.left, from).flatMap((left) => find(path.right, left));
    case "descendants":
      return find(path.left, from).flatMap((left) => descend(path.right, left, 0));
    case "where":
      return find(path.left, from).filter((left) => find(path.right, left).length > 0);
    case "union":
      return [...find(path.left, from), ...find(path.right, from)];
    case "intersect":
      return fail("'&' is not available in a path");
  }
}

function findFields(names: readonly string[], from: Found): readonly Found[] {
  const all = names.includes("*");
  const wanted = all
    ? isDict(from.value)
      ? dictEntries(from.value).map(([key]) => String(key))
      : []
    : names;
  return wanted.flatMap((name) => {
    const value = memberOf(from.value, name);
    return value === undefined ? [] : [{ value, parent: from, search: from.search }];
  });
}

function findIndex(at: number, from: Found): readonly Found[] {
  if (length(from.value) <= at) return [];
  const value = isDict(from.value) ? undefined : itemAt(from.value, at);
  return value === undefined
    ? fail(`list index out of range or no list: [${at}]`)
    : [{ value, parent: from, search: from.search }];
}

/** A slice takes an object, a text or an int for a list of one. */
function findSlice(start: number | null, stop: number | null, from: Found): readonly Found[] {
  const { value } = from;
  const single = isDict(value) || typeof value === "string" || isInt(value) || typeof value === "boolean";
  if (!single && !Array.isArray(value)) return fail(`object of type '${typeName(value)}' has no len()`);
  const items = single ? [value] : iterate(value);
  return items
    .slice(start ?? 0, stop ?? items.length)
    .map((item) => ({ value: item, parent: from, search: from.search }));
}

function descend(path: Path, from: Found, depth: number): readonly Found[] {
  if (depth > 500) return fail("the value is nested too deeply");
  const inside = Array.isArray(from.value)
    ? from.value
    : isDict(from.value)
      ? dictEntries(from.value).map(([, value]) => value)
      : [];
  return [
    ...find(path, from),
    ...inside.flatMap((value) => descend(path, { value, parent: from, search: from.search }, depth + 1)),
  ];
}
