/** A cursor over the tokens of a template, with the errors that parsing it needs. */
import { syntaxError, type Token, type TokenizedTemplate, type TokenType } from "./lexer.ts";

/** Deeper nesting is refused, so that no template exhausts the stack. */
const MAX_DEPTH = 80;

export class TokenCursor {
  readonly #tokens: readonly Token[];
  readonly #source: string;
  #next = 0;
  #depth = 0;

  constructor(template: TokenizedTemplate) {
    this.#tokens = template.tokens;
    this.#source = template.source;
  }

  get current(): Token {
    return this.#tokens[this.#next] ?? { type: "end", text: "", at: this.#source.length };
  }

  advance(): Token {
    const token = this.current;
    this.#next++;
    return token;
  }

  fail(message: string, at = this.current.at, hint?: string): never {
    throw syntaxError(this.#source, at, message, hint);
  }

  is(type: TokenType, text?: string): boolean {
    return this.current.type === type && (text === undefined || this.current.text === text);
  }

  isName(name: string): boolean {
    return this.is("name", name);
  }

  skip(type: TokenType, text?: string): boolean {
    if (!this.is(type, text)) return false;
    this.#next++;
    return true;
  }

  expect(type: TokenType, text?: string): Token {
    if (this.is(type, text)) return this.advance();
    return this.fail(
      `expected ${text === undefined ? described(type) : `'${text}'`}, got ${this.describe()}`,
    );
  }

  /** The current token, for a message. */
  describe(): string {
    const token = this.current;
    return token.text === "" ? described(token.type) : `'${token.text}'`;
  }

  /** The token after the current one. */
  get following(): Token {
    return this.#tokens[this.#next + 1] ?? this.current;
  }

  /** The token before the current one. */
  get previous(): Token | undefined {
    return this.#tokens[this.#next - 1];
  }

  /** Counts a level of nesting while `parse` runs. */
  deeper<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH) this.fail(`more than ${MAX_DEPTH} levels of nesting`);
    const result = parse();
    this.#depth--;
    return result;
  }
}

function described(type: TokenType): string {
  switch (type) {
    case "variable-end":
      return "'end of print statement'";
    case "block-end":
      return "'end of statement block'";
    case "end":
      return "'end of template'";
    default:
      return `'${type}'`;
  }
}
