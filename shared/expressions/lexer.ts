/** Cuts a template into text and tokens, with Jinja2's whitespace control (trim_blocks and lstrip_blocks on). */
import { PetrelError } from "../errors.ts";
import { unescapeString } from "./python/string-literal.ts";
import { floatValue, intValue } from "./python/values.ts";

export type TokenType =
  | "text"
  | "variable-begin"
  | "variable-end"
  | "block-begin"
  | "block-end"
  | "name"
  | "string"
  | "integer"
  | "float"
  | "operator"
  | "end";

export interface Token {
  readonly type: TokenType;
  /** Text, name, operator, or the decoded value of a string; for numbers the digits. */
  readonly text: string;
  /** The value of a string, integer or float. */
  readonly value?: unknown;
  /** Offset in the normalised source. */
  readonly at: number;
}

export interface TokenizedTemplate {
  readonly tokens: readonly Token[];
  /** Line endings are `\n`, one final line ending is gone. */
  readonly source: string;
}

const OPEN = /\{[{%#]/g;
const RAW = /\{%([-+]?)\s*raw\s*(?:-%\}\s*|%\})/y;
const END_RAW = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)/g;
const NUMBER =
  /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const NAME = /[\p{L}\p{N}_]+/uy;
const STRING = /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y;
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[-+*/%~[\](){}><=.:|,;]/y;
const SPACE = /\s+/y;
const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** Throws EXPRESSION_SYNTAX with line and column. */
export function tokenize(template: string): TokenizedTemplate {
  const source = template.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  return { tokens: new Lexer(source).run(), source };
}

export function syntaxError(source: string, at: number, message: string, hint?: string): PetrelError {
  const before = source.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  return new PetrelError("EXPRESSION_SYNTAX", `${message} (line ${line}, column ${column})`, { hint });
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  /** Whether the last tag ended with a line ending, so that what follows begins a line. */
  #lineStart = true;

  constructor(source: string) {
    this.#source = source;
  }

  run(): readonly Token[] {
    while (this.#at < this.#source.length) this.#next();
    this.#push("end", "", this.#source.length);
    return this.#tokens;
  }

  #push(type: TokenType, text: string, at: number, value?: unknown): void {
    this.#tokens.push(value === undefined ? { type, text, at } : { type, text, at, value });
  }

  #fail(at: number, message: string): never {
    throw syntaxError(this.#source, at, message);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#source);
  }

  /** One stretch of text and the tag after it. */
  #next(): void {
    const open = this.#match(OPEN);
    if (open === null) {
      this.#text(this.#source.slice(this.#at));
      this.#at = this.#source.length;
      return;
    }
    const text = this.#source.slice(this.#at, open.index);
    this.#at = open.index;
    const raw = this.#match(RAW);
    const kind = open[0].charAt(1);
    const sign = raw?.[1] ?? /^[-+]/.exec(this.#source.slice(open.index + 2, open.index + 3))?.[0] ?? "";
    this.#text(this.#strip(text, sign, kind !== "{"));
    if (raw !== null) this.#raw(raw);
    else if (kind === "#") this.#comment(sign);
    else this.#tag(kind === "{" ? "variable" : "block", sign);
  }

  #text(text: string): void {
    if (text !== "") this.#push("text", text, this.#at);
  }

  /** `-` strips all space before a tag; a block alone on its line loses its indentation unless it says `+`. */
  #strip(text: string, sign: string, block: boolean): string {
    if (sign === "-") return text.replace(/\s+$/, "");
    if (!block || sign === "+") return text;
    const line = text.lastIndexOf("\n") + 1;
    const alone = /^\s*$/.test(text.slice(line));
    return alone && (line > 0 || this.#lineStart) ? text.slice(0, line) : text;
  }

  #close(end: number): void {
    this.#lineStart = this.#source.charAt(end - 1) === "\n";
    this.#at = end;
  }

  #raw(open: RegExpExecArray): void {
    const start = this.#at;
    this.#at += open[0].length;
    const end = this.#match(END_RAW);
    if (end === null) this.#fail(start, "Missing end of raw directive");
    const text = this.#source.slice(this.#at, end.index);
    this.#lineStart = this.#source.charAt(this.#at - 1) === "\n";
    this.#text(this.#strip(text, end[1] ?? "", true));
    this.#close(end.index + end[0].length);
  }

  #comment(sign: string): void {
    const start = this.#at;
    const end = this.#source.indexOf("#}", this.#at + 2 + sign.length);
    if (end < 0) this.#fail(start, "Missing end of comment tag");
    const before = this.#source.charAt(end - 1);
    this.#at = end + 2;
    if (before === "-") this.#skipSpace();
    else if (before !== "+" && this.#source.charAt(this.#at) === "\n") this.#at++;
    this.#close(this.#at);
  }

  #skipSpace(): void {
    this.#at += this.#match(SPACE)?.[0].length ?? 0;
  }

  #tag(kind: "variable" | "block", sign: string): void {
    const start = this.#at;
    this.#push(`${kind}-begin`, "", start);
    this.#at += 2 + sign.length;
    const brackets: string[] = [];
    for (;;) {
      this.#skipSpace();
      if (this.#at >= this.#source.length) {
        const what = kind === "variable" ? "end of print statement" : "end of statement block";
        this.#fail(
          start,
          brackets.length > 0
            ? `unexpected end of template, expected '${brackets.at(-1)}'`
            : `unexpected end of template, expected '${what}'`,
        );
      }
      if (brackets.length === 0 && this.#endTag(kind)) return;
      this.#token(brackets);
    }
  }

  #endTag(kind: "variable" | "block"): boolean {
    const pattern = kind === "variable" ? VARIABLE_END : BLOCK_END;
    const end = this.#match(pattern);
    if (end === null) return false;
    this.#push(`${kind}-end`, "", this.#at);
    this.#close(this.#at + end[0].length);
    return true;
  }

  #token(brackets: string[]): void {
    const at = this.#at;
    const number = this.#source.charAt(at - 1) === "." ? this.#match(DIGITS) : this.#match(NUMBER);
    const found = number ?? this.#match(NAME) ?? this.#match(STRING) ?? this.#match(OPERATOR);
    if (found === null)
      this.#fail(at, `unexpected char '${String.fromCodePoint(this.#source.codePointAt(at) ?? 0)}'`);
    const text = found[0];
    this.#at += text.length;
    if (number !== null) this.#number(text, at);
    else if (/^['"]/.test(text)) this.#push("string", text, at, this.#string(text, at));
    else if (/^[\p{L}\p{N}_]/u.test(text)) {
      if (!/^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(text)) this.#fail(at, "Invalid character in identifier");
      this.#push("name", text, at);
    } else {
      this.#bracket(text, brackets, at);
      this.#push("operator", text, at);
    }
  }

  #number(text: string, at: number): void {
    const plain = text.replaceAll("_", "");
    if (/^0[box]/i.test(plain)) this.#push("integer", text, at, intValue(BigInt(plain.toLowerCase())));
    else if (/[.e]/i.test(plain)) this.#push("float", text, at, floatValue(Number(plain)));
    else this.#push("integer", text, at, intValue(BigInt(plain)));
  }

  #string(text: string, at: number): string {
    try {
      return unescapeString(text.slice(1, -1));
    } catch (error) {
      return this.#fail(at, error instanceof Error ? error.message : "malformed string");
    }
  }

  #bracket(text: string, brackets: string[], at: number): void {
    const close = CLOSING[text];
    if (close !== undefined) brackets.push(close);
    else if (text === ")" || text === "]" || text === "}") {
      const expected = brackets.pop();
      if (expected === undefined) this.#fail(at, `unexpected '${text}'`);
      if (expected !== text) this.#fail(at, `unexpected '${text}', expected '${expected}'`);
    }
  }
}

const VARIABLE_END = /-\}\}\s*|\}\}/y;
const BLOCK_END = /\+%\}|-%\}\s*|%\}\n?/y;
/** After a dot: `list.0.1` is two items, not a float. */
const DIGITS = /[1-9](?:_?\d)*|0(?:_?0)*/y;
