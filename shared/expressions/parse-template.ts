/** Parses a whole template: text, `{{ … }}`, and the statements of `{% … %}`. */

import { nearest } from "../nearest.ts";
import type { Expression, MacroParameter, Statement } from "./ast.ts";
import { tokenize } from "./lexer.ts";
import { ExpressionParser } from "./parse-expression.ts";

/** Templates longer than this (UTF-16 units) are refused. */
const MAX_SOURCE = 262_144;
const MAX_DEPTH = 40;
const STATEMENTS = ["if", "for", "set", "filter", "with", "macro", "call", "raw"];
const REFUSED = new Set(["include", "import", "from", "extends", "block", "autoescape", "trans", "do"]);

/** Throws EXPRESSION_SYNTAX with line and column. */
export function parseTemplate(text: string): readonly Statement[] {
  const template = tokenize(text.length > MAX_SOURCE ? text.slice(0, MAX_SOURCE) : text);
  const parser = new ExpressionParser(template);
  if (text.length > MAX_SOURCE) parser.fail(`a template is longer than ${MAX_SOURCE} characters`);
  return new TemplateParser(parser).parse();
}

class TemplateParser {
  readonly #in: ExpressionParser;
  #depth = 0;

  constructor(parser: ExpressionParser) {
    this.#in = parser;
  }

  parse(): readonly Statement[] {
    const body = this.#body([]);
    return body.statements;
  }

  /** Statements up to a tag named in `ends`; the tag's name is consumed, what follows it is not. */
  #body(ends: readonly string[], opener = ""): { statements: Statement[]; end: string } {
    if (++this.#depth > MAX_DEPTH) this.#in.fail(`more than ${MAX_DEPTH} levels of nesting`);
    const statements: Statement[] = [];
    for (;;) {
      const token = this.#in.advance();
      if (token.type === "text") statements.push({ type: "text", text: token.text });
      else if (token.type === "variable-begin") {
        statements.push({ type: "output", expression: this.#in.parseTuple() });
        this.#in.expect("variable-end");
      } else if (token.type === "block-begin") {
        const name = this.#in.expect("name");
        if (ends.includes(name.text)) {
          this.#depth--;
          return { statements, end: name.text };
        }
        statements.push(this.#statement(name.text, name.at, ends));
      } else {
        if (ends.length === 0) {
          this.#depth--;
          return { statements, end: "" };
        }
        this.#in.fail(
          `Unexpected end of template. Looking for ${ends.map((end) => `'${end}'`).join(" or ")}: '${opener}' was not closed`,
          token.at,
        );
      }
    }
  }

  #closed(ends: readonly string[], opener: string): { statements: Statement[]; end: string } {
    this.#in.expect("block-end");
    return this.#body(ends, opener);
  }

  #statement(name: string, at: number, ends: readonly string[]): Statement {
    switch (name) {
      case "if":
        return this.#if();
      case "for":
        return this.#for();
      case "set":
        return this.#set();
      case "filter":
        return this.#filterBlock();
      case "with":
        return this.#with();
      case "macro":
        return this.#macro();
      case "call":
        return this.#callBlock();
    }
    if (REFUSED.has(name)) return this.#in.fail(`'${name}' is not available in Petrel's templates`, at);
    const open = ends.length > 0 ? `; looking for ${ends.map((end) => `'${end}'`).join(" or ")}` : "";
    const near = nearest(name, [...STATEMENTS, ...ends]);
    return this.#in.fail(
      `Encountered unknown tag '${name}'${open}`,
      at,
      near === null ? undefined : `did you mean '${near}'?`,
    );
  }

  #if(): Statement {
    const branches: { test: Expression; body: Statement[] }[] = [];
    let otherwise: Statement[] | null = null;
    for (;;) {
      const test = this.#in.parseTuple([], false);
      const { statements, end } = this.#closed(["elif", "else", "endif"], "if");
      branches.push({ test, body: statements });
      if (end === "elif") continue;
      if (end === "else") otherwise = this.#closed(["endif"], "if").statements;
      this.#in.expect("block-end");
      return { type: "if", branches, otherwise };
    }
  }

  #for(): Statement {
    const target = this.#in.parseTarget(["in"], false);
    this.#in.expect("name", "in");
    const iterable = this.#in.parseTuple(["recursive"], false);
    const filter = this.#in.skip("name", "if") ? this.#in.parseExpression() : null;
    const recursive = this.#in.skip("name", "recursive");
    const { statements, end } = this.#closed(["else", "endfor"], "for");
    const otherwise = end === "else" ? this.#closed(["endfor"], "for").statements : null;
    this.#in.expect("block-end");
    return { type: "for", target, iterable, filter, recursive, body: statements, otherwise };
  }

  #set(): Statement {
    const target = this.#in.parseTarget([], true);
    if (this.#in.skip("operator", "=")) {
      const value = this.#in.parseTuple();
      this.#in.expect("block-end");
      return { type: "set", target, value };
    }
    const filter = this.#in.is("operator", "|") ? this.#in.parseFilter(null) : null;
    const body = this.#closed(["endset"], "set").statements;
    this.#in.expect("block-end");
    return { type: "set-block", target, filter, body };
  }

  #filterBlock(): Statement {
    const filter = this.#in.parseFilter(null, true);
    const body = this.#closed(["endfilter"], "filter").statements;
    this.#in.expect("block-end");
    return { type: "filter-block", filter, body };
  }

  #with(): Statement {
    const bindings: { target: { type: "name"; name: string }; value: Expression }[] = [];
    while (!this.#in.is("block-end")) {
      if (bindings.length > 0) this.#in.expect("operator", ",");
      const target = this.#in.parseTarget([], false);
      if (target.type !== "name") return this.#in.fail("'with' binds single names");
      this.#in.expect("operator", "=");
      bindings.push({ target, value: this.#in.parseExpression() });
    }
    const body = this.#closed(["endwith"], "with").statements;
    this.#in.expect("block-end");
    return { type: "with", bindings, body };
  }

  #parameters(): MacroParameter[] {
    const parameters: MacroParameter[] = [];
    this.#in.expect("operator", "(");
    while (!this.#in.skip("operator", ")")) {
      if (parameters.length > 0) this.#in.expect("operator", ",");
      const name = this.#in.expect("name").text;
      const value = this.#in.skip("operator", "=") ? this.#in.parseExpression() : null;
      if (value === null && parameters.at(-1)?.default != null) {
        this.#in.fail("non-default argument follows default argument");
      }
      parameters.push({ name, default: value });
    }
    return parameters;
  }

  #macro(): Statement {
    const name = this.#in.expect("name").text;
    const parameters = this.#parameters();
    const body = this.#closed(["endmacro"], "macro").statements;
    this.#in.expect("block-end");
    return { type: "macro", name, parameters, body };
  }

  #callBlock(): Statement {
    const parameters = this.#in.is("operator", "(") ? this.#parameters() : [];
    const call = this.#in.parseExpression();
    if (call.type !== "call") return this.#in.fail("expected call");
    const body = this.#closed(["endcall"], "call").statements;
    this.#in.expect("block-end");
    return { type: "call-block", call, parameters, body };
  }
}
