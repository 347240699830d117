/** `ast.literal_eval`: Python literals as text, nothing else. */
import { negate } from "./arithmetic.ts";
import { unescapeString } from "./string-literal.ts";
import { Dict, fail, floatValue, intValue, isFloat, isInt, Tuple } from "./values.ts";

const MAX_DEPTH = 100;
const TOKEN =
  /[ \t\f\r\n]*(?:(?<string>(?:[uU]|[rR])?(?:'''(?:[^\\]|\\.)*?'''|"""(?:[^\\]|\\.)*?"""|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))|(?<number>0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*)?\.\d(?:_?\d)*(?:[eE][+-]?\d(?:_?\d)*)?|\d(?:_?\d)*\.?(?:[eE][+-]?\d(?:_?\d)*)?)|(?<name>[A-Za-z_]\w*)|(?<mark>[[\]{}(),:+-]))/sy;

/** Throws EXPRESSION_TYPE for anything but a literal. */
export function literalEval(text: string): unknown {
  const reader = new LiteralReader(text.replace(/^[ \t]+/, ""));
  return reader.read();
}

interface Token {
  readonly kind: "string" | "number" | "name" | "mark" | "end";
  readonly text: string;
}

class LiteralReader {
  readonly #tokens: Token[] = [];
  #next = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    for (;;) {
      const start = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (match === null) {
        if (!/^[ \t\f\r\n]*$/.test(text.slice(start))) malformed(text);
        return;
      }
      const [kind, token] = Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined) ?? [];
      this.#tokens.push({ kind: kind as Token["kind"], text: token ?? "" });
    }
  }

  read(): unknown {
    const first = this.#value(0);
    if (!this.#is(",")) return this.#end(first);
    const items = [first];
    while (this.#skip(",") && this.#peek().kind !== "end") items.push(this.#value(0));
    return this.#end(new Tuple(items));
  }

  #end(value: unknown): unknown {
    return this.#peek().kind === "end" ? value : malformed(this.#peek().text);
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "" };
  }

  #is(mark: string): boolean {
    const token = this.#peek();
    return token.kind === "mark" && token.text === mark;
  }

  #skip(mark: string): boolean {
    if (!this.#is(mark)) return false;
    this.#next++;
    return true;
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) return malformed("too deep");
    const token = this.#peek();
    this.#next++;
    switch (token.kind) {
      case "string":
        return this.#strings(token.text);
      case "number":
        return numberLiteral(token.text);
      case "name":
        return NAMES.has(token.text) ? NAMES.get(token.text) : malformed(token.text);
      case "mark":
        return this.#marked(token.text, depth);
      default:
        return malformed("nothing");
    }
  }

  #strings(first: string): string {
    let text = stringLiteral(first);
    while (this.#peek().kind === "string") {
      text += stringLiteral(this.#peek().text);
      this.#next++;
    }
    return text;
  }

  #marked(mark: string, depth: number): unknown {
    if (mark === "-" || mark === "+") {
      // One sign only, and only before a number.
      const value = this.#peek().kind === "number" ? this.#value(depth + 1) : malformed(mark);
      if (!isInt(value) && !isFloat(value)) return malformed(mark);
      return mark === "-" ? negate(value) : value;
    }
    if (mark === "[") return this.#items("]", depth).items;
    if (mark === "(") {
      const { items, comma } = this.#items(")", depth);
      return items.length === 1 && !comma ? items[0] : new Tuple(items);
    }
    return mark === "{" ? this.#dict(depth) : malformed(mark);
  }

  #items(close: string, depth: number): { items: unknown[]; comma: boolean } {
    const items: unknown[] = [];
    let comma = false;
    while (!this.#skip(close)) {
      if (items.length > 0 && !comma) return malformed(this.#peek().text);
      items.push(this.#value(depth + 1));
      comma = this.#skip(",");
    }
    return { items, comma };
  }

  #dict(depth: number): Dict | Record<string, unknown> {
    const dict = new Dict();
    let comma = true;
    while (!this.#skip("}")) {
      if (!comma) return malformed(this.#peek().text);
      const key = this.#value(depth + 1);
      if (!this.#skip(":")) return malformed(this.#peek().text);
      dict.set(key, this.#value(depth + 1));
      comma = this.#skip(",");
    }
    return dict;
  }
}

const NAMES: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["True", true],
  ["False", false],
  ["None", null],
]);

function malformed(what: string): never {
  return fail(`malformed literal near '${what.slice(0, 40)}'`);
}

function stringLiteral(token: string): string {
  const raw = /^[rR]/.test(token);
  const body = token.replace(/^[uUrR]/, "");
  const size = body.startsWith("'''") || body.startsWith('"""') ? 3 : 1;
  const text = body.slice(size, -size);
  return raw ? text : unescapeString(text);
}

function numberLiteral(token: string): unknown {
  const text = token.replaceAll("_", "");
  if (/^0[xXoObB]/.test(text)) return intValue(BigInt(text.toLowerCase()));
  if (/[.eE]/.test(text)) return floatValue(Number(text));
  return /^0+[1-9]/.test(text) ? malformed(token) : intValue(BigInt(text));
}
