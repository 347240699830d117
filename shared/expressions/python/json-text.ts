/** JSON as Python's `json` module reads and writes it: floats stay floats, ints keep all digits, keys their order. */
import { PetrelError } from "../../errors.ts";
import { floatText, str } from "./text.ts";
import {
  Dict,
  defined,
  dictEntries,
  Float,
  fail,
  floatValue,
  intValue,
  isDict,
  Tuple,
  typeName,
} from "./values.ts";

const MAX_DEPTH = 200;
/** Whether `JSON.parse` would lose something: a float, a long number, an integer-like or a magic key. */
const NEEDS_CARE = /\d[.eE]|\d{16}|"\d+"\s*:|"__proto__"|NaN|Infinity/;

/**
 * Parses one JSON text without loss. Throws JSON_SYNTAX with line and column.
 * Objects come as plain objects, or as a `Dict` where an integer-like key would change their order.
 */
export function parseJson(text: string): unknown {
  if (!NEEDS_CARE.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      // Read again below, for a message with a position.
    }
  }
  return new JsonReader(text).read();
}

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): unknown {
    const value = this.#value(0);
    this.#space();
    return this.#at === this.#text.length ? value : this.#fail("text after the end of the value");
  }

  #fail(what: string): never {
    const before = this.#text.slice(0, this.#at);
    const line = before.split("\n").length;
    const column = this.#at - before.lastIndexOf("\n");
    throw new PetrelError("JSON_SYNTAX", `${what} at line ${line}, column ${column}`);
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at++;
    }
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) return this.#fail(`more than ${MAX_DEPTH} levels`);
    this.#space();
    const letter = this.#text.charAt(this.#at);
    if (letter === '"') return this.#string();
    if (letter === "{") return this.#object(depth);
    if (letter === "[") return this.#array(depth);
    if (letter === "-" || (letter >= "0" && letter <= "9")) return this.#number();
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#fail(letter === "" ? "the text ends too early" : `unexpected ${JSON.stringify(letter)}`);
  }

  #number(): unknown {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) {
      if (this.#text.startsWith("-Infinity", this.#at)) {
        this.#at += 9;
        return Number.NEGATIVE_INFINITY;
      }
      return this.#fail("a malformed number");
    }
    this.#at = NUMBER.lastIndex;
    if (match[1] !== undefined || match[2] !== undefined) return floatValue(Number(match[0]));
    return match[0].length < 16 ? Number(match[0]) + 0 : intValue(BigInt(match[0]));
  }

  #string(): string {
    STRING.lastIndex = this.#at;
    const match = STRING.exec(this.#text);
    if (match === null) return this.#fail("a malformed string");
    this.#at = STRING.lastIndex;
    return match[0].includes("\\") ? (JSON.parse(match[0]) as string) : match[0].slice(1, -1);
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    this.#space();
    if (this.#skip("]")) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#space();
      if (this.#skip("]")) return items;
      if (!this.#skip(",")) return this.#fail("',' or ']' expected");
    }
  }

  #object(depth: number): unknown {
    const pairs: [string, unknown][] = [];
    this.#at++;
    this.#space();
    if (this.#skip("}")) return {};
    for (;;) {
      this.#space();
      if (this.#text.charAt(this.#at) !== '"') return this.#fail("a key in quotes expected");
      const key = this.#string();
      this.#space();
      if (!this.#skip(":")) return this.#fail("':' expected");
      pairs.push([key, this.#value(depth + 1)]);
      this.#space();
      if (this.#skip("}")) break;
      if (!this.#skip(",")) return this.#fail("',' or '}' expected");
    }
    // Plain objects move integer-like keys to the front; a Dict keeps the order.
    return pairs.length > 1 && pairs.some(([key]) => /^\d+$/.test(key))
      ? Dict.of(pairs)
      : Object.fromEntries(pairs);
  }

  #skip(letter: string): boolean {
    if (this.#text.charAt(this.#at) !== letter) return false;
    this.#at++;
    return true;
  }
}

const WORDS: readonly (readonly [string, unknown])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
];
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const RAW_CONTROLS = String.raw`\x00-\x1f`;
const STRING = new RegExp(`"(?:[^"\\\\${RAW_CONTROLS}]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"`, "y");

export interface DumpOptions {
  readonly indent?: number | string | null;
  readonly sortKeys?: boolean;
  readonly itemSeparator?: string;
  readonly keySeparator?: string;
}

/** `json.dumps(value)`: ASCII only, `", "` and `": "` unless told otherwise. Refuses what JSON has no word for. */
export function dumpJson(value: unknown, options: DumpOptions = {}): string {
  const indent = typeof options.indent === "number" ? " ".repeat(options.indent) : (options.indent ?? null);
  const comma = options.itemSeparator ?? (indent === null ? ", " : ",");
  const colon = options.keySeparator ?? ": ";
  const write = (item: unknown, depth: number): string => {
    if (depth > MAX_DEPTH) return fail("Circular reference detected");
    if (typeof item === "string") return quoteJson(item);
    const scalar = scalarJson(item);
    if (scalar !== null) return scalar;
    const list = Array.isArray(item) ? item : item instanceof Tuple ? item.items : null;
    if (list !== null)
      return block(
        "[",
        list.map((entry) => write(entry, depth + 1)),
        "]",
        depth,
      );
    if (!isDict(item)) return fail(`Object of type ${typeName(defined(item))} is not JSON serializable`);
    const pairs = dictEntries(item).map(([key, entry]) => [jsonKey(key), entry] as const);
    if (options.sortKeys) pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return block(
      "{",
      pairs.map(([key, entry]) => quoteJson(key) + colon + write(entry, depth + 1)),
      "}",
      depth,
    );
  };
  const block = (open: string, parts: readonly string[], close: string, depth: number): string => {
    if (parts.length === 0) return open + close;
    if (indent === null) return open + parts.join(comma) + close;
    const edge = `\n${indent.repeat(depth + 1)}`;
    return `${open}${edge}${parts.join(comma + edge)}\n${indent.repeat(depth)}${close}`;
  };
  return write(value, 0);
}

function scalarJson(value: unknown): string | null {
  if (value === null) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value !== "number" && typeof value !== "bigint" && !(value instanceof Float)) return null;
  const n = value instanceof Float ? value.value : value;
  if (typeof n === "number" && Number.isNaN(n)) return "NaN";
  if (n === Number.POSITIVE_INFINITY || n === Number.NEGATIVE_INFINITY)
    return n > 0 ? "Infinity" : "-Infinity";
  return value instanceof Float ? floatText(value.value) : str(value);
}

function jsonKey(key: unknown): string {
  if (typeof key === "string") return key;
  return scalarJson(key) ?? fail(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function quoteJson(text: string): string {
  return JSON.stringify(text).replace(/[\x7f-\uffff]/g, (letter) =>
    letter === "\x7f" ? letter : `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * The value after a trip through JSON: tuples are lists, keys are text. Refuses what JSON cannot carry.
 * Lists and objects that need no change are returned as they are.
 */
export function jsonData(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) return fail("Circular reference detected");
  if (typeof value === "string" || value === null || typeof value === "boolean") return value;
  if (typeof value === "number" || typeof value === "bigint" || value instanceof Float) return value;
  if (Array.isArray(value)) return value.map((item) => jsonData(item, depth + 1));
  if (value instanceof Tuple) return value.items.map((item) => jsonData(item, depth + 1));
  if (!isDict(value)) return fail(`Object of type ${typeName(defined(value))} is not JSON serializable`);
  const pairs = dictEntries(value).map(([key, item]) => [jsonKey(key), jsonData(item, depth + 1)] as const);
  return value instanceof Dict ? Dict.of(pairs) : Object.fromEntries(pairs);
}

/** Compact JSON that any reader takes: floats keep their point, long ints their digits, NaN and infinities are null. */
export function encodeJson(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return `[${value.map(encodeJson).join(",")}]`;
  if (value instanceof Tuple) return encodeJson(value.items);
  const scalar = scalarJson(value);
  if (scalar !== null) return /^-?(?:NaN|Infinity)$/.test(scalar) ? "null" : scalar;
  if (!isDict(value)) return "null";
  const pairs = dictEntries(value).map(
    ([key, item]) => `${JSON.stringify(jsonKey(key))}:${encodeJson(item)}`,
  );
  return `{${pairs.join(",")}}`;
}

/** Plain JSON for records and the wire: floats become numbers, long ints lose digits, dicts become objects. */
export function plainJson(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Float) return value.value;
  if (Array.isArray(value)) return value.map(plainJson);
  if (value instanceof Tuple) return value.items.map(plainJson);
  if (typeof value !== "object" || value === null || !isDict(value)) return value;
  return Object.fromEntries(dictEntries(value).map(([key, item]) => [jsonKey(key), plainJson(item)]));
}
