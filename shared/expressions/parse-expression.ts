/** Parses Jinja2 expressions: precedence and postfix rules as in Jinja2's own grammar. */
import type { Arguments, BinaryOperator, CompareOperator, Expression, Target } from "./ast.ts";
import { TokenCursor } from "./token-cursor.ts";

const COMPARE = new Set(["==", "!=", "<", "<=", ">", ">="]);
const NO_ARGUMENTS: Arguments = { positional: [], named: [], spread: null, spreadNamed: null };
const CONSTANTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);

/** The grammar of expressions. */
export class ExpressionParser extends TokenCursor {
  /** An expression, or a tuple when commas follow. Without `conditional`, an `if` belongs to the tag. */
  parseTuple(endNames: readonly string[] = [], conditional = true): Expression {
    const items: Expression[] = [];
    let comma = false;
    while (!this.#tupleEnd(endNames)) {
      items.push(this.parseExpression(conditional));
      comma = this.skip("operator", ",");
      if (!comma) break;
    }
    const [only] = items;
    if (only === undefined) return this.fail(`Expected an expression, got ${this.describe()}`);
    return items.length === 1 && !comma ? only : { type: "tuple", items };
  }

  #tupleEnd(endNames: readonly string[]): boolean {
    const { type, text } = this.current;
    if (type === "variable-end" || type === "block-end" || type === "end") return true;
    return (type === "operator" && text === ")") || (type === "name" && endNames.includes(text));
  }

  /** Without `conditional`, a following `if` belongs to the surrounding tag. */
  parseExpression(conditional = true): Expression {
    return this.deeper(() => (conditional ? this.#conditional() : this.#or()));
  }

  #conditional(): Expression {
    let then = this.#or();
    while (this.skip("name", "if")) {
      const test = this.#or();
      const otherwise = this.skip("name", "else") ? this.deeper(() => this.#conditional()) : null;
      then = { type: "conditional", test, then, otherwise };
    }
    return then;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.skip("name", "or")) left = { type: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.skip("name", "and")) left = { type: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    if (!this.skip("name", "not")) return this.#compare();
    return this.deeper(() => ({ type: "not", operand: this.#not() }));
  }

  #compare(): Expression {
    const first = this.#sum();
    const rest: { operator: CompareOperator; operand: Expression }[] = [];
    for (;;) {
      const operator = this.#compareOperator();
      if (operator === null) break;
      rest.push({ operator, operand: this.#sum() });
    }
    return rest.length === 0 ? first : { type: "compare", first, rest };
  }

  #compareOperator(): CompareOperator | null {
    const { type, text } = this.current;
    if (type === "operator" && COMPARE.has(text)) {
      this.advance();
      return text as CompareOperator;
    }
    if (this.skip("name", "in")) return "in";
    const next = this.following;
    if (this.isName("not") && next.type === "name" && next.text === "in") {
      this.advance();
      this.advance();
      return "not in";
    }
    return null;
  }

  #binary(operators: readonly string[], operand: () => Expression): Expression {
    let left = operand();
    while (this.current.type === "operator" && operators.includes(this.current.text)) {
      const operator = this.advance().text as BinaryOperator;
      left = { type: "binary", operator, left, right: operand() };
    }
    return left;
  }

  #sum(): Expression {
    return this.#binary(["+", "-"], () => this.#concat());
  }

  #concat(): Expression {
    const parts = [this.#product()];
    while (this.skip("operator", "~")) parts.push(this.#product());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { type: "concat", parts };
  }

  #product(): Expression {
    return this.#binary(["*", "/", "//", "%"], () => this.#power());
  }

  /** Jinja2's power binds to the left, and weaker than the sign before it. */
  #power(): Expression {
    return this.#binary(["**"], () => this.#unary(true));
  }

  #unary(withFilters: boolean): Expression {
    let node: Expression;
    if (this.skip("operator", "-"))
      node = this.deeper(() => ({ type: "negate", operand: this.#unary(false) }));
    else if (this.skip("operator", "+"))
      node = this.deeper(() => ({ type: "positive", operand: this.#unary(false) }));
    else node = this.#primary();
    node = this.#postfix(node);
    return withFilters ? this.parseFilters(node) : node;
  }

  #primary(): Expression {
    const token = this.current;
    if (token.type === "name") {
      this.advance();
      if (CONSTANTS.has(token.text)) return { type: "constant", value: CONSTANTS.get(token.text) };
      return { type: "name", name: token.text };
    }
    if (token.type === "string") {
      let value = "";
      while (this.is("string")) value += this.advance().value as string;
      return { type: "constant", value };
    }
    if (token.type === "integer" || token.type === "float")
      return { type: "constant", value: this.advance().value };
    if (this.skip("operator", "(")) return this.deeper(() => this.#parenthesis());
    if (this.skip("operator", "[")) return { type: "list", items: this.#items("]") };
    if (this.skip("operator", "{")) return this.deeper(() => this.#dict());
    return this.fail(`unexpected ${this.describe()}`);
  }

  #parenthesis(): Expression {
    if (this.skip("operator", ")")) return { type: "tuple", items: [] };
    const inner = this.parseTuple();
    this.expect("operator", ")");
    return inner;
  }

  #items(close: string): Expression[] {
    const items: Expression[] = [];
    while (!this.skip("operator", close)) {
      if (items.length > 0) this.expect("operator", ",");
      if (this.skip("operator", close)) break;
      items.push(this.parseExpression());
    }
    return items;
  }

  #dict(): Expression {
    const pairs: [Expression, Expression][] = [];
    while (!this.skip("operator", "}")) {
      if (pairs.length > 0) this.expect("operator", ",");
      if (this.skip("operator", "}")) break;
      const key = this.parseExpression();
      this.expect("operator", ":");
      pairs.push([key, this.parseExpression()]);
    }
    return { type: "dict", pairs };
  }

  #postfix(start: Expression): Expression {
    let node = start;
    for (;;) {
      if (this.skip("operator", ".")) node = this.#member(node);
      else if (this.skip("operator", "[")) node = { type: "item", of: node, key: this.#subscript() };
      else if (this.is("operator", "(")) node = { type: "call", callee: node, args: this.parseArguments() };
      else return node;
    }
  }

  #member(of: Expression): Expression {
    const token = this.advance();
    if (token.type === "name") return { type: "attribute", of, name: token.text };
    if (token.type === "integer") return { type: "item", of, key: { type: "constant", value: token.value } };
    return this.fail("expected name or number", token.at);
  }

  #subscript(): Expression {
    const items: Expression[] = [];
    while (!this.skip("operator", "]")) {
      if (items.length > 0) this.expect("operator", ",");
      items.push(this.#subscribed());
    }
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { type: "tuple", items };
  }

  #subscribed(): Expression {
    const part = (): Expression | null =>
      this.is("operator", ":") || this.is("operator", "]") || this.is("operator", ",")
        ? null
        : this.parseExpression();
    const start = part();
    if (!this.skip("operator", ":")) {
      return start ?? this.fail(`unexpected ${this.describe()}`);
    }
    const stop = part();
    const step = this.skip("operator", ":") ? part() : null;
    return { type: "slice", start, stop, step };
  }

  /** `| filter`, `is test` and calls of their results, any number of times. */
  parseFilters(start: Expression): Expression {
    let node = start;
    for (;;) {
      if (this.is("operator", "|")) node = this.parseFilter(node);
      else if (this.isName("is")) node = this.#test(node);
      else if (this.is("operator", "(")) node = { type: "call", callee: node, args: this.parseArguments() };
      else return node;
    }
  }

  /** A chain of filters; with `inline`, the first one has no bar before it (filter blocks). */
  parseFilter(input: Expression | null, inline = false): Expression {
    let node = input;
    let first = inline;
    while (first || this.is("operator", "|")) {
      if (!first) this.advance();
      first = false;
      const name = this.#dottedName();
      const args = this.is("operator", "(") ? this.parseArguments() : NO_ARGUMENTS;
      node = { type: "filter", input: node, name, args };
    }
    return node ?? this.fail("expected a filter");
  }

  #dottedName(): string {
    let name = this.expect("name").text;
    while (this.skip("operator", ".")) name += `.${this.expect("name").text}`;
    return name;
  }

  #test(input: Expression): Expression {
    this.advance();
    const negated = this.skip("name", "not");
    const name = this.#dottedName();
    const node: Expression = { type: "test", input, name, args: this.#testArguments() };
    return negated ? { type: "not", operand: node } : node;
  }

  #testArguments(): Arguments {
    if (this.is("operator", "(")) return this.parseArguments();
    const { type, text } = this.current;
    const starts =
      type === "name" ||
      type === "string" ||
      type === "integer" ||
      type === "float" ||
      (type === "operator" && (text === "[" || text === "{"));
    if (!starts || (type === "name" && ["else", "or", "and"].includes(text))) return NO_ARGUMENTS;
    if (this.isName("is")) return this.fail("You cannot chain multiple tests with is");
    return { ...NO_ARGUMENTS, positional: [this.#postfix(this.#primary())] };
  }

  parseArguments(): Arguments {
    const start = this.expect("operator", "(").at;
    return this.deeper(() => this.#arguments(start));
  }

  #arguments(start: number): Arguments {
    const positional: Expression[] = [];
    const named: { name: string; value: Expression }[] = [];
    let spread: Expression | null = null;
    let spreadNamed: Expression | null = null;
    let comma = true;
    const ensure = (valid: boolean): void => {
      if (!valid) this.fail("invalid syntax for function call expression", start);
    };
    while (!this.skip("operator", ")")) {
      if (!comma) this.fail(`expected ',', got ${this.describe()}`);
      if (this.skip("operator", "*")) {
        ensure(spread === null && spreadNamed === null);
        spread = this.parseExpression();
      } else if (this.skip("operator", "**")) {
        ensure(spreadNamed === null);
        spreadNamed = this.parseExpression();
      } else if (this.is("name") && this.following.type === "operator" && this.following.text === "=") {
        ensure(spreadNamed === null);
        const name = this.advance().text;
        this.advance();
        named.push({ name, value: this.parseExpression() });
      } else {
        ensure(spread === null && spreadNamed === null && named.length === 0);
        positional.push(this.parseExpression());
      }
      comma = this.skip("operator", ",");
    }
    return { positional, named, spread, spreadNamed };
  }

  /** What a loop or an assignment stores to. Constants cannot be assigned to. */
  parseTarget(endNames: readonly string[], withNamespace: boolean): Target {
    const items: Target[] = [];
    let comma = false;
    do {
      if (items.length > 0 && (this.#tupleEnd(endNames) || this.is("operator", "="))) break;
      items.push(this.#targetItem(withNamespace));
      comma = this.skip("operator", ",");
    } while (comma);
    const [only] = items;
    return items.length === 1 && only !== undefined && !this.#wasComma() ? only : { type: "tuple", items };
  }

  #wasComma(): boolean {
    const { previous } = this;
    return previous?.type === "operator" && previous.text === ",";
  }

  #targetItem(withNamespace: boolean): Target {
    if (this.skip("operator", "(")) {
      const inner = this.parseTarget([], withNamespace);
      this.expect("operator", ")");
      return inner;
    }
    const token = this.expect("name");
    if (CONSTANTS.has(token.text)) return this.fail(`can't assign to '${token.text}'`, token.at);
    if (withNamespace && this.skip("operator", ".")) {
      return { type: "namespace", name: token.text, attribute: this.expect("name").text };
    }
    return { type: "name", name: token.text };
  }
}
