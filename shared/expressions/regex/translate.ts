/** Writes a Python pattern in the dialect of RE2 or of JavaScript (with the `v` flag). */
import { SPACE_CLASS } from "../python/letters.ts";
import type { ClassName, RegexNode, SetItem } from "./syntax.ts";

export type Dialect = "re2" | "javascript";

const WORD = "\\p{L}\\p{N}_";
/** Python folds these four together; neither engine does. */
const DOTTED_I = [0x49, 0x69, 0x130, 0x131];

/** Patterns this cannot express are told apart beforehand, by `needsBacktracking`. */
export function translate(node: RegexNode, dialect: Dialect): string {
  return new Translator(dialect).write(node);
}

class Translator {
  readonly #dialect: Dialect;
  #atomics = 0;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  write(node: RegexNode): string {
    switch (node.type) {
      case "literal":
        return node.ignoreCase ? this.#anyCase(node.code) : this.#code(node.code);
      case "any":
        return node.newline ? (this.#dialect === "re2" ? "(?s:.)" : "[\\s\\S]") : "[^\\n]";
      case "set":
        return this.#set(node);
      case "sequence":
        return `(?:${node.parts.map((part) => this.write(part)).join("")})`;
      case "choice":
        return `(?:${node.options.map((option) => this.write(option)).join("|")})`;
      case "repeat":
        return this.#repeat(node);
      case "group":
        return this.#dialect === "re2"
          ? `(${this.write(node.of)})`
          : `(?<g${node.index}>${this.write(node.of)})`;
      case "look":
        return `(?${node.ahead ? "" : "<"}${node.negated ? "!" : "="}${this.write(node.of)})`;
      case "atomic":
        return this.#atomic(this.write(node.of));
      case "reference":
        return node.ignoreCase ? `(?i:\\k<g${node.index}>)` : `\\k<g${node.index}>`;
      case "position":
        return this.#position(node);
    }
  }

  #code(code: number): string {
    if ((code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)) {
      return String.fromCharCode(code);
    }
    const hex = code.toString(16);
    return this.#dialect === "re2" ? `\\x{${hex}}` : `\\u{${hex}}`;
  }

  #anyCase(code: number): string {
    if (DOTTED_I.includes(code)) return `[${DOTTED_I.map((other) => this.#code(other)).join("")}]`;
    const one = this.#code(code);
    // V8 forgets some of a letter's other cases (ſ and S, K and the kelvin sign) where it stands outside a set.
    return this.#dialect === "javascript" && code > 0x7f ? `(?i:[${one}])` : `(?i:${one})`;
  }

  #repeat(node: Extract<RegexNode, { type: "repeat" }>): string {
    const of = `(?:${this.write(node.of)})`;
    const { min, max } = node;
    let count: string;
    if (max === Number.POSITIVE_INFINITY) count = min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
    else count = min === 0 && max === 1 ? "?" : min === max ? `{${min}}` : `{${min},${max}}`;
    const whole = of + count + (node.mode === "lazy" ? "?" : "");
    return node.mode === "possessive" ? this.#atomic(whole) : whole;
  }

  /** A look-ahead captures what it saw and cannot be entered again: the classical atomic group. */
  #atomic(inner: string): string {
    const name = `a${++this.#atomics}`;
    return `(?=(?<${name}>${inner}))\\k<${name}>`;
  }

  #position(node: Extract<RegexNode, { type: "position" }>): string {
    const javascript = this.#dialect === "javascript";
    switch (node.at) {
      case "start":
        return javascript ? "(?<![\\s\\S])" : "\\A";
      case "line-start":
        return javascript ? "(?<![^\\n])" : "(?m:^)";
      case "end":
        return javascript ? "(?![\\s\\S])" : "\\z";
      case "line-end":
        return javascript ? "(?![^\\n])" : "(?m:$)";
      case "end-or-last-newline":
        return javascript ? "(?=\\n?(?![\\s\\S]))" : "\\z";
      default: {
        if (!javascript) return node.at === "word" ? "\\b" : "\\B";
        const word = node.ascii ? "[A-Za-z0-9_]" : `[${WORD}]`;
        const border = `(?<=${word})(?!${word})|(?<!${word})(?=${word})`;
        const inside = `(?<=${word})(?=${word})|(?<!${word})(?!${word})`;
        return `(?:${node.at === "word" ? border : inside})`;
      }
    }
  }

  #set(node: Extract<RegexNode, { type: "set" }>): string {
    const [only] = node.items;
    if (
      node.items.length === 1 &&
      only !== undefined &&
      "from" in only &&
      only.from === only.to &&
      !node.negated
    ) {
      return node.ignoreCase ? this.#anyCase(only.from) : this.#code(only.from);
    }
    const items = node.items.map((item) => this.#item(item));
    if (node.ignoreCase && node.items.some(holdsDottedI))
      items.push(...DOTTED_I.map((code) => this.#code(code)));
    const set = `[${node.negated ? "^" : ""}${items.join("")}]`;
    return node.ignoreCase ? `(?i:${set})` : set;
  }

  #item(item: SetItem): string {
    if ("class" in item) return this.#class(item.class, item.ascii);
    return item.from === item.to ? this.#code(item.from) : `${this.#code(item.from)}-${this.#code(item.to)}`;
  }

  #class(name: ClassName, ascii: boolean): string {
    const positive = name.toLowerCase();
    const inside =
      positive === "d"
        ? ascii
          ? "0-9"
          : "\\p{Nd}"
        : positive === "w"
          ? ascii
            ? "A-Za-z0-9_"
            : WORD
          : ascii
            ? "\\t-\\r\\x20"
            : SPACE_CLASS;
    const spelt = this.#dialect === "re2" ? inside.replace(/\\u([0-9a-f]{4})/g, "\\x{$1}") : inside;
    if (name === positive) return spelt;
    if (this.#dialect === "javascript") return `[^${spelt}]`;
    return complementOf(inside);
  }
}

function holdsDottedI(item: SetItem): boolean {
  return "from" in item && DOTTED_I.some((code) => code >= item.from && code <= item.to);
}

const complements = new Map<string, string>();

/** The ranges outside a class, for RE2, whose sets cannot hold a negated set. */
function complementOf(inside: string): string {
  const known = complements.get(inside);
  if (known !== undefined) return known;
  const member = new RegExp(`[${inside}]`, "u");
  const ranges: string[] = [];
  let start = -1;
  for (let code = 0; code <= 0x110000; code++) {
    const outside = code <= 0x10ffff && !member.test(String.fromCodePoint(code));
    if (outside && start < 0) start = code;
    if (!outside && start >= 0) {
      ranges.push(`\\x{${start.toString(16)}}-\\x{${(code - 1).toString(16)}}`);
      start = -1;
    }
  }
  const text = ranges.join("");
  complements.set(inside, text);
  return text;
}
