/** Templates: compiled once, rendered over plain data (Jinja2 3.1 as StackStorm sets it up: strict undefined). */
import { PetrelError } from "../errors.ts";
import type { Statement } from "./ast.ts";
import type { Evaluate } from "./compile-expression.ts";
import { type Execute, StatementCompiler } from "./compile-statements.ts";
import { freeNames, namesOf } from "./names.ts";
import { parseTemplate } from "./parse-template.ts";
import { defined } from "./python/values.ts";
import { noSlowRegex, type RegexOracle } from "./regex/answer.ts";
import { Frame, Run, type Scope } from "./run.ts";
import { vocabulary } from "./vocabulary.ts";

/**
 * Rendering throws EXPRESSION_UNDEFINED, EXPRESSION_TYPE, EXPRESSION_BUDGET, CRITERIA_REGEX, and `RegexNeeded` when
 * the oracle does not know a slow pattern's answer yet.
 */
export interface Template {
  readonly source: string;
  /** True when the template is exactly one `{{ … }}`. */
  readonly isExpression: boolean;
  /** Names it takes from the scope; the built-in functions are not among them. */
  readonly names: ReadonlySet<string>;
  /** Every name it looks up, also one that it may have set itself by then, and those of built-in functions. */
  readonly reads: ReadonlySet<string>;
  /** The text, in Python's spelling. */
  render(scope: Scope, regex?: RegexOracle): string;
  /** The value of a template that is exactly one expression, otherwise the text. Never an Undefined. */
  evaluate(scope: Scope, regex?: RegexOracle): unknown;
}

const CACHE_SIZE = 20_000;
const cache = new Map<string, Template>();
const compiler = new StatementCompiler(vocabulary);

/** Whether a text has anything to render; all other texts stand for themselves. */
export function isTemplate(text: string): boolean {
  return text.includes("{{") || text.includes("{%") || text.includes("{#");
}

/** Throws EXPRESSION_SYNTAX with line and column. Compiled templates are kept, up to 20,000 of them. */
export function compileTemplate(source: string): Template {
  const known = cache.get(source);
  if (known !== undefined) return known;
  const template = new CompiledTemplate(source);
  const oldest = cache.size >= CACHE_SIZE ? cache.keys().next().value : undefined;
  if (oldest !== undefined) cache.delete(oldest);
  cache.set(source, template);
  return template;
}

class CompiledTemplate implements Template {
  readonly source: string;
  readonly isExpression: boolean;
  readonly names: ReadonlySet<string>;
  readonly reads: ReadonlySet<string>;
  readonly #body: Execute;
  readonly #value: Evaluate | null;

  constructor(source: string) {
    this.source = source;
    const statements = guarded("EXPRESSION_SYNTAX", () => parseTemplate(source));
    this.names = guarded("EXPRESSION_SYNTAX", () => outsideNames(statements));
    this.reads = guarded("EXPRESSION_SYNTAX", () => namesOf(statements));
    this.#body = guarded("EXPRESSION_SYNTAX", () => compiler.body(statements));
    const [only] = statements;
    this.#value =
      statements.length === 1 && only?.type === "output" ? compiler.expression(only.expression) : null;
    this.isExpression = this.#value !== null;
  }

  render(scope: Scope, regex: RegexOracle = noSlowRegex): string {
    const run = new Run(scope, regex);
    try {
      this.#body(new Frame(run));
    } catch (error) {
      throw refusal("EXPRESSION_BUDGET", error);
    }
    return run.output;
  }

  evaluate(scope: Scope, regex: RegexOracle = noSlowRegex): unknown {
    const value = this.#value;
    if (value === null) return this.render(scope, regex);
    try {
      return defined(value(new Frame(new Run(scope, regex))));
    } catch (error) {
      throw refusal("EXPRESSION_BUDGET", error);
    }
  }
}

function outsideNames(statements: readonly Statement[]): ReadonlySet<string> {
  const names = new Set(freeNames(statements));
  for (const name of vocabulary.globals.keys()) names.delete(name);
  return names;
}

function guarded<T>(code: GuardCode, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw refusal(code, error);
  }
}

type GuardCode = "EXPRESSION_SYNTAX" | "EXPRESSION_BUDGET";

/** Long chains nest as deep as they are long: an exhausted stack is the template's fault, not ours. */
function refusal(code: GuardCode, error: unknown): unknown {
  if (!(error instanceof RangeError)) return error;
  return new PetrelError(code, "the template is nested too deeply", { cause: error });
}
