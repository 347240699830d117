/** Parses Python's regular expression syntax (Python library, `re`, of 3.11) with Python's refusals. */
import { PatternCursor } from "./pattern-cursor.ts";
import type { ClassName, Position, RegexNode, RegexTree, SetItem } from "./syntax.ts";
import { width } from "./syntax.ts";

export interface RegexFlags {
  readonly ignoreCase?: boolean;
  readonly dotAll?: boolean;
}

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly multiline: boolean;
  readonly verbose: boolean;
  readonly ascii: boolean;
}

/** Longer patterns, and deeper nesting, are refused. */
const MAX_PATTERN = 10_000;
const MAX_DEPTH = 100;
const MAX_REPEAT = 4_294_967_294;

/** Throws CRITERIA_REGEX for what Python refuses or cannot be translated. */
export function parseRegex(pattern: string, flags: RegexFlags = {}): RegexTree {
  return new RegexParser(pattern, {
    ignoreCase: flags.ignoreCase ?? false,
    dotAll: flags.dotAll ?? false,
    multiline: false,
    verbose: false,
    ascii: false,
  }).parse();
}

const FLAG_NAMES: Readonly<Record<string, keyof Flags>> = {
  i: "ignoreCase",
  s: "dotAll",
  m: "multiline",
  x: "verbose",
  a: "ascii",
};

class RegexParser extends PatternCursor {
  #flags: Flags;
  #depth = 0;
  #groupCount = 0;
  readonly #names = new Map<string, number>();
  readonly #open = new Set<number>();
  readonly #groups = new Map<number, RegexNode>();

  constructor(pattern: string, flags: Flags) {
    super(pattern);
    this.#flags = flags;
  }

  parse(): RegexTree {
    if (this.length > MAX_PATTERN) this.fail(`the pattern is longer than ${MAX_PATTERN} characters`);
    this.#globalFlags();
    const root = this.#choice();
    if (this.at < this.length) this.fail("unbalanced parenthesis");
    return { root, groupCount: this.#groupCount, groupNames: this.#names };
  }

  /** Flags at the very start, such as `(?i)`, hold for the whole pattern. */
  #globalFlags(): void {
    for (;;) {
      if (this.#flags.verbose) this.#skipVerbose();
      const match = /^\(\?([aiLmsux]+)\)/.exec(this.ahead(12));
      if (match?.[1] === undefined) return;
      this.back(this.at + match[0].length);
      this.#flags = this.#with(match[1], true);
    }
  }

  #with(letters: string, value: boolean): Flags {
    const changed: Record<keyof Flags, boolean> = { ...this.#flags };
    for (const letter of letters) {
      if (letter === "L") this.fail("bad inline flags: cannot use 'L' flag with a str pattern");
      const name = FLAG_NAMES[letter];
      if (name !== undefined) changed[name] = value;
      else if (letter === "u") changed.ascii = false;
    }
    return changed;
  }

  #skipVerbose(): void {
    for (;;) {
      if (/^[ \t\n\r\v\f]$/.test(this.peek())) this.take();
      else if (this.peek() === "#") while (this.at < this.length && this.take() !== "\n");
      else return;
    }
  }

  #choice(): RegexNode {
    if (++this.#depth > MAX_DEPTH) this.fail(`more than ${MAX_DEPTH} levels of nesting`);
    const before = this.#flags;
    const options = [this.#sequence()];
    while (this.skip("|")) options.push(this.#sequence());
    this.#flags = before;
    this.#depth--;
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { type: "choice", options };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    for (;;) {
      if (this.#flags.verbose) this.#skipVerbose();
      const letter = this.peek();
      if (letter === "" || letter === "|" || letter === ")") break;
      const repeat = this.#quantifier();
      if (repeat !== null) {
        const target = parts.pop();
        if (target === undefined || target.type === "position") return this.fail("nothing to repeat");
        if (target.type === "repeat" && !this.#wrapped.has(target)) return this.fail("multiple repeat");
        parts.push({ type: "repeat", of: target, ...repeat });
      } else {
        const node = this.#atom();
        if (node !== null) parts.push(node);
      }
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { type: "sequence", parts };
  }

  /** Repeats in a group of their own may be repeated again. */
  readonly #wrapped = new WeakSet<RegexNode>();

  #quantifier(): { min: number; max: number; mode: "greedy" | "lazy" | "possessive" } | null {
    const start = this.at;
    const letter = this.peek();
    let bounds: { min: number; max: number } | null = null;
    if (letter === "*") bounds = { min: 0, max: Number.POSITIVE_INFINITY };
    else if (letter === "+") bounds = { min: 1, max: Number.POSITIVE_INFINITY };
    else if (letter === "?") bounds = { min: 0, max: 1 };
    if (bounds !== null) this.take();
    else if (letter === "{") bounds = this.#counted();
    if (bounds === null) {
      this.back(start);
      return null;
    }
    if (this.skip("?")) return { ...bounds, mode: "lazy" };
    return { ...bounds, mode: this.skip("+") ? "possessive" : "greedy" };
  }

  #counted(): { min: number; max: number } | null {
    const match = /^\{(\d*)(?:(,)(\d*))?\}/.exec(this.ahead(30));
    if (match === null || match[0] === "{}") return null;
    const [whole, low = "", comma, high = ""] = match;
    const min = low === "" ? 0 : Number(low);
    const max = comma === undefined ? min : high === "" ? Number.POSITIVE_INFINITY : Number(high);
    if (min > MAX_REPEAT || (Number.isFinite(max) && max > MAX_REPEAT)) {
      return this.fail("the repetition number is too large");
    }
    if (max < min) return this.fail("min repeat greater than max repeat");
    this.back(this.at + whole.length);
    return { min, max };
  }

  #atom(): RegexNode | null {
    const letter = this.take();
    switch (letter) {
      case ".":
        return { type: "any", newline: this.#flags.dotAll };
      case "^":
        return this.#position(this.#flags.multiline ? "line-start" : "start");
      case "$":
        return this.#position(this.#flags.multiline ? "line-end" : "end-or-last-newline");
      case "(":
        return this.#group();
      case "[":
        return this.#set();
      case "\\":
        return this.#escape();
      default:
        return this.#literal(letter.codePointAt(0) ?? 0);
    }
  }

  #literal(code: number): RegexNode {
    const { ignoreCase, ascii } = this.#flags;
    const other = ignoreCase && ascii ? otherCase(code) : code;
    if (other !== code) {
      const items = [code, other].map((each) => ({ from: each, to: each }));
      return { type: "set", negated: false, items, ignoreCase: false };
    }
    return { type: "literal", code, ignoreCase: ignoreCase && !ascii };
  }

  #position(at: Position): RegexNode {
    return { type: "position", at, ascii: this.#flags.ascii };
  }

  #group(): RegexNode | null {
    if (!this.skip("?")) return this.#capture(null);
    const letter = this.take();
    switch (letter) {
      case ":":
        return this.#inner();
      case ">":
        return { type: "atomic", of: this.#inner() };
      case "#": {
        while (this.peek() !== ")") {
          if (this.take() === "") this.fail("missing ), unterminated comment");
        }
        this.take();
        return null;
      }
      case "=":
      case "!":
        return { type: "look", ahead: true, negated: letter === "!", of: this.#inner() };
      case "<":
        return this.#behind();
      case "P":
        return this.#named();
      case "(":
        return this.fail("conditional groups cannot be translated");
      default:
        this.back(this.at - 1);
        return this.#flagged();
    }
  }

  /** A group's inside up to its parenthesis; as one node that may be repeated. */
  #inner(): RegexNode {
    const start = this.at;
    const node = this.#choice();
    if (!this.skip(")")) this.fail("missing ), unterminated subpattern", start);
    if (node.type !== "repeat" && node.type !== "position") return node;
    const wrapped: RegexNode = { type: "sequence", parts: [node] };
    this.#wrapped.add(wrapped);
    return wrapped;
  }

  #capture(name: string | null): RegexNode {
    const index = ++this.#groupCount;
    if (name !== null) this.#names.set(name, index);
    this.#open.add(index);
    const of = this.#inner();
    this.#open.delete(index);
    this.#groups.set(index, of);
    return { type: "group", index, of };
  }

  #behind(): RegexNode {
    const letter = this.take();
    if (letter !== "=" && letter !== "!") return this.fail(`unknown extension ?<${letter}`);
    const start = this.at;
    const of = this.#inner();
    const [least, most] = width(of, this.#groups);
    if (least !== most) this.fail("look-behind requires fixed-width pattern", start);
    return { type: "look", ahead: false, negated: letter === "!", of };
  }

  #name(end: string): string {
    let name = "";
    while (this.peek() !== end) {
      if (this.peek() === "") this.fail(`missing ${end}, unterminated name`);
      name += this.take();
    }
    this.take();
    if (!/^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(name)) this.fail(`bad character in group name '${name}'`);
    return name;
  }

  #named(): RegexNode {
    if (this.skip("<")) {
      const name = this.#name(">");
      if (this.#names.has(name)) this.fail(`redefinition of group name '${name}'`);
      return this.#capture(name);
    }
    if (!this.skip("=")) return this.fail(`unknown extension ?P${this.peek()}`);
    const name = this.#name(")");
    const index = this.#names.get(name);
    return index === undefined ? this.fail(`unknown group name '${name}'`) : this.#reference(index);
  }

  #reference(index: number): RegexNode {
    if (index > this.#groupCount) return this.fail(`invalid group reference ${index}`);
    if (this.#open.has(index)) return this.fail("cannot refer to an open group");
    return { type: "reference", index, ignoreCase: this.#flags.ignoreCase };
  }

  /** `(?i:…)`, `(?-i:…)`; `(?i)` is allowed at the start only. */
  #flagged(): RegexNode {
    const match = /^([aiLmsux]*)(?:-([aiLmsux]*))?([:)]?)/.exec(this.ahead(20));
    const [whole = "", on = "", off, end] = match ?? [];
    if (on === "" && off === undefined) return this.fail(`unknown extension ?${this.peek()}`);
    if (end === ")" && off === undefined) return this.fail("global flags not at the start of the expression");
    if (end !== ":" || off === "") return this.fail("missing -, : or )");
    this.back(this.at + whole.length);
    const before = this.#flags;
    this.#flags = this.#with(on, true);
    this.#flags = this.#with(off ?? "", false);
    const node = this.#inner();
    this.#flags = before;
    return node;
  }

  #escape(): RegexNode {
    const letter = this.take();
    switch (letter) {
      case "A":
        return this.#position("start");
      case "Z":
        return this.#position("end");
      case "b":
        return this.#position("word");
      case "B":
        return this.#position("not-word");
    }
    if (/^[dDsSwW]$/.test(letter)) {
      const item: SetItem = { class: letter as ClassName, ascii: this.#flags.ascii };
      return { type: "set", negated: false, items: [item], ignoreCase: false };
    }
    if (/^[1-9]$/.test(letter)) return this.#numbered(letter);
    return this.#literal(this.code(letter));
  }

  /** `\1` … `\99` refer to a group; three octal digits are a character. */
  #numbered(first: string): RegexNode {
    let digits = first;
    if (/^\d$/.test(this.peek())) digits += this.take();
    if (/^[0-3][0-7]$/.test(digits) && /^[0-7]$/.test(this.peek())) {
      return this.#literal(Number.parseInt(digits + this.take(), 8));
    }
    return this.#reference(Number(digits));
  }

  #set(): RegexNode {
    const start = this.at;
    const negated = this.skip("^");
    const items: SetItem[] = [];
    for (;;) {
      const letter = this.take();
      if (letter === "") return this.fail("unterminated character set", start - 1);
      if (letter === "]" && this.at > start + (negated ? 2 : 1)) break;
      const low = this.#setItem(letter);
      if (this.peek() === "-" && this.peek(1) !== "]" && this.peek(1) !== "") {
        this.take();
        const high = this.#setItem(this.take());
        if ("class" in low || "class" in high || high.from < low.from) {
          return this.fail(`bad character range`);
        }
        items.push({ from: low.from, to: high.from });
      } else items.push(low);
    }
    return { type: "set", negated, items, ignoreCase: this.#flags.ignoreCase };
  }

  #setItem(letter: string): SetItem {
    if (letter !== "\\") {
      const code = letter.codePointAt(0) ?? 0;
      return { from: code, to: code };
    }
    const escaped = this.take();
    if (/^[dDsSwW]$/.test(escaped)) return { class: escaped as ClassName, ascii: this.#flags.ascii };
    const code = escaped === "b" ? 8 : /^[1-7]$/.test(escaped) ? this.octal(escaped) : this.code(escaped);
    return { from: code, to: code };
  }
}

/** Under the ASCII flag only the 26 letters have another case. */
function otherCase(code: number): number {
  const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  return isLetter ? code ^ 32 : code;
}
