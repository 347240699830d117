/** YAML 1.1 as `from_yaml_string` reads it and `to_yaml_string` writes it: block style, sorted keys. */
import { parseDocument } from "yaml";
import { compareText } from "../python/compare.ts";
import { floatText, str } from "../python/text.ts";
import {
  Dict,
  defined,
  dictEntries,
  Float,
  fail,
  floatValue,
  intValue,
  isDict,
  isFloat,
  Tuple,
  typeName,
} from "../python/values.ts";

const MAX_DEPTH = 100;
const WIDTH = 80;

/** Throws EXPRESSION_TYPE for malformed YAML and for values beyond plain data. */
export function parseYaml(text: string): unknown {
  const document = parseDocument(text, {
    version: "1.1",
    schema: "yaml-1.1",
    intAsBigInt: true,
    merge: true,
    uniqueKeys: false,
    prettyErrors: false,
  });
  const [error] = document.errors;
  if (error !== undefined) return fail(`no YAML: ${error.message}`);
  try {
    return fromYaml(document.toJS({ mapAsMap: true, maxAliasCount: 50 }), 0);
  } catch (cause) {
    return fail(cause instanceof Error ? cause.message : "no YAML");
  }
}

function fromYaml(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) return fail("the YAML is nested too deeply");
  if (typeof value === "bigint") return intValue(value);
  if (typeof value === "number") return floatValue(value);
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map((item) => fromYaml(item, depth + 1));
  if (value instanceof Map) {
    return Dict.of(
      [...value].map(([key, item]) => [fromYaml(key, depth + 1), fromYaml(item, depth + 1)] as const),
    );
  }
  if (value instanceof Date) return value.toISOString().replace(/T00:00:00\.000Z$/, "");
  return fail("the YAML holds a value that is no plain data");
}

/** Throws EXPRESSION_TYPE for what has no YAML form. */
export function writeYaml(value: unknown, indent: number, unicode: boolean): string {
  const step = indent >= 2 && indent <= 9 ? indent : 2;
  const writer = new YamlWriter(step, unicode);
  return writer.document(value);
}

class YamlWriter {
  readonly #step: number;
  readonly #unicode: boolean;

  constructor(step: number, unicode: boolean) {
    this.#step = step;
    this.#unicode = unicode;
  }

  document(value: unknown): string {
    const list = listOf(value);
    if (list !== null && list.length > 0) return this.#list(list, 0, 0);
    if (isDict(value) && dictEntries(value).length > 0) return this.#dict(value, 0, 0);
    const text = this.#scalar(value, 0, this.#step, false);
    // A plain scalar as the whole document is closed by an end mark.
    return /^['"[{]/.test(text) ? `${text}\n` : `${text}\n...\n`;
  }

  /** `at` is the column of the dashes. */
  #list(items: readonly unknown[], at: number, depth: number): string {
    if (depth > MAX_DEPTH) return fail("the value is nested too deeply");
    const pad = " ".repeat(at);
    const lead = `-${" ".repeat(this.#step - 1)}`;
    return items
      .map((item) => {
        const inner = listOf(item);
        if (inner !== null && inner.length > 0) {
          return `${pad}${lead}${this.#list(inner, at + this.#step, depth + 1).trimStart()}`;
        }
        if (isDict(item) && dictEntries(item).length > 0) {
          return `${pad}${lead}${this.#dict(item, at + this.#step, depth + 1).trimStart()}`;
        }
        return `${pad}- ${this.#scalar(item, at + 2, at + this.#step, false)}\n`;
      })
      .join("");
  }

  #dict(value: Dict | Record<string, unknown>, at: number, depth: number): string {
    if (depth > MAX_DEPTH) return fail("the value is nested too deeply");
    const pad = " ".repeat(at);
    const entries = dictEntries(value).toSorted(([a], [b]) =>
      typeof a === "string" && typeof b === "string" ? compareText(a, b) : 0,
    );
    return entries
      .map(([key, item]) => {
        const name = this.#scalar(key, at, at + this.#step, true);
        const list = listOf(item);
        if (list !== null && list.length > 0) return `${pad}${name}:\n${this.#list(list, at, depth + 1)}`;
        if (isDict(item) && dictEntries(item).length > 0) {
          return `${pad}${name}:\n${this.#dict(item, at + this.#step, depth + 1)}`;
        }
        return `${pad}${name}: ${this.#scalar(item, at + name.length + 2, at + this.#step, false)}\n`;
      })
      .join("");
  }

  #scalar(value: unknown, column: number, indent: number, key: boolean): string {
    if (typeof value === "string") return this.#text(value, column, indent, key);
    if (value === null) return "null";
    if (typeof value === "boolean") return String(value);
    if (isFloat(value)) return floatYaml(value instanceof Float ? value.value : value);
    if (typeof value === "number" || typeof value === "bigint") return str(value);
    if (listOf(value) !== null) return "[]";
    if (isDict(value)) return "{}";
    return fail(`cannot represent an object of type ${typeName(defined(value))}`);
  }

  #text(text: string, column: number, indent: number, key: boolean): string {
    if (this.#special(text)) return this.#double(text, column, indent, key);
    const plain = text !== "" && !text.includes("\n") && isPlain(text) && !isResolved(text);
    if (plain) return key ? text : fold(text, column, indent, " ");
    if (/(^| )\n|\n /.test(text) && / \n/.test(text)) return this.#double(text, column, indent, key);
    if (key && text.includes("\n")) return this.#double(text, column, indent, key);
    return single(text, column, indent, key);
  }

  /** Letters that only the double-quoted style can hold. */
  #special(text: string): boolean {
    if (!this.#unicode && /[^\0-\x7f]/.test(text)) return true;
    return /[^\n\x20-\x7e\x85\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]|\ufeff|[\x85\u2028\u2029]/u.test(
      text,
    );
  }

  #double(text: string, column: number, indent: number, key: boolean): string {
    let out = '"';
    let at = column + 1;
    const points = [...text];
    points.forEach((letter, i) => {
      const piece = this.#escape(letter);
      const space = letter === " " && i > 0 && i < points.length - 1;
      if (!key && space && at > WIDTH) {
        out += `\n${" ".repeat(indent)}`;
        if (points[i + 1] === " ") out += "\\";
        at = indent;
        return;
      }
      out += piece;
      at += piece.length;
      if (
        !key &&
        at >= WIDTH &&
        !space &&
        i < points.length - 1 &&
        points[i + 1] !== " " &&
        piece.length > 1
      ) {
        out += `\\\n${" ".repeat(indent)}`;
        at = indent;
      }
    });
    return `${out}"`;
  }

  #escape(letter: string): string {
    const known = ESCAPES[letter];
    if (known !== undefined) return known;
    const code = letter.codePointAt(0) ?? 0;
    if (code >= 0x20 && code <= 0x7e) return letter;
    const shown = this.#unicode && ((code >= 0xa0 && code <= 0xd7ff) || (code >= 0xe000 && code !== 0xfeff));
    if (shown) return letter;
    if (code <= 0xff) return `\\x${code.toString(16).toUpperCase().padStart(2, "0")}`;
    if (code <= 0xffff) return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
    return `\\U${code.toString(16).toUpperCase().padStart(8, "0")}`;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\x85": "\\N",
  "\xa0": "\\_",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function listOf(value: unknown): readonly unknown[] | null {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : null;
}

function floatYaml(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  const text = floatText(value);
  return !text.includes(".") && text.includes("e") ? text.replace("e", ".0e") : text;
}

/** Whether a text can stand without quotes in block style. */
function isPlain(text: string): boolean {
  if (/^[#,[\]{}&*!|>'"%@`]/.test(text) || /^(?:---|\.\.\.)/.test(text)) return false;
  if (/^[?:-](?:\s|$)/.test(text) || text === "=" || text === "<<") return false;
  return !/^ | $|: |:$| #|\t/.test(text);
}

/** Texts that YAML 1.1 would read back as something else. */
const RESOLVED = [
  /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  /^(?:~|null|Null|NULL|)$/,
  /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  /^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/,
  /^(?:=|<<)$/,
];

function isResolved(text: string): boolean {
  return RESOLVED.some((pattern) => pattern.test(text));
}

/** Breaks at single spaces beyond the preferred width. */
function fold(text: string, column: number, indent: number, mark: string): string {
  let at = column;
  let out = "";
  const words = text.split(/( +)/);
  words.forEach((word, i) => {
    if (word === mark && i > 0 && i < words.length - 1 && at > WIDTH) {
      out += `\n${" ".repeat(indent)}`;
      at = indent;
    } else {
      out += word;
      at += word.length;
    }
  });
  return out;
}

function single(text: string, column: number, indent: number, key: boolean): string {
  const quoted = text.replaceAll("'", "''");
  if (key) return `'${quoted}'`;
  const lines = quoted.split("\n");
  const body = lines
    .map((line, i) => fold(line, i === 0 ? column + 1 : indent, indent, " "))
    .reduce((out, line, i) => {
      if (i === 0) return line;
      const first = lines[i - 1] !== "" || i === 1;
      return `${out}${first ? "\n\n" : "\n"}${line === "" ? "" : " ".repeat(indent)}${line}`;
    }, "");
  const tail = lines.length > 1 && lines.at(-1) === "" ? " ".repeat(indent) : "";
  return `'${body}${tail}'`;
}
