/** The values of parameters whose templates may name each other, rendered in the order that takes. */
import { type ErrorCode, isPetrelError, PetrelError } from "../errors.ts";
import { noSlowRegex } from "../expressions/regex/answer.ts";
import type { Scope } from "../expressions/run.ts";
import type { ParameterSchemas } from "../model/pack.ts";
import type { ResolveInput } from "./resolve.ts";
import { compiledValue, located, TemplateNode } from "./template-node.ts";

/** Names that depend on each other through templates. Each execution makes two: it keeps to what is needed. */
export class ParameterGraph {
  readonly #input: ResolveInput;
  /** Those beside the names of the context; a `TemplateNode` gives way to its value. */
  readonly #nodes = new Map<string, unknown>();
  #hasTemplates = false;
  /** Names whose templates wait for others, outermost first. */
  #open: readonly string[] = [];
  #scope: Record<string, unknown> | null = null;
  readonly #secret: Set<string>;

  /** `secret`: those of the graph that values put into this one come from. */
  constructor(input: ResolveInput, secret: Iterable<string> = []) {
    this.#input = input;
    this.#secret = new Set(secret);
  }

  /** Names whose templates open secrets of the datastore, or read what is secret, by whatever way. */
  get secret(): ReadonlySet<string> {
    return this.#secret;
  }

  put(name: string, value: unknown): void {
    this.#nodes.set(name, value);
  }

  /** A text, or one inside a list or object, that has a template makes the whole value a template. */
  process(name: string, value: unknown): void {
    const node = compiledValue(name, value);
    this.#nodes.set(name, node ?? value);
    if (node !== null) this.#hasTemplates = true;
  }

  /** Where a name is absent, null or immutable its default counts; the action's before the runner's. */
  processDefaults(): void {
    this.#processTable(this.#input.action);
    this.#processTable(this.#input.runner);
  }

  #processTable(table: ParameterSchemas): void {
    for (const name of Object.keys(table)) {
      const { immutable, default: standard = null } = table[name] ?? {};
      if (immutable === true || (this.get(name) ?? null) === null) this.process(name, standard);
    }
  }

  /** Of the context, where nothing else has the name. */
  get(name: string): unknown {
    const { context } = this.#input;
    const value = this.#nodes.get(name);
    if (value !== undefined || this.#nodes.has(name)) return value;
    return Object.hasOwn(context, name) ? context[name] : undefined;
  }

  /** Renders each template after those it names. */
  resolve(): void {
    if (!this.#hasTemplates) return;
    for (const name of Object.keys(this.#input.context)) this.#visit(name);
    for (const name of this.#nodes.keys()) this.#visit(name);
  }

  #visit(name: string): void {
    const node = this.#nodes.get(name);
    if (!(node instanceof TemplateNode)) return;
    const at = this.#open.indexOf(name);
    if (at >= 0) throw cycle(this.#open.slice(at));
    const before = this.#open;
    this.#open = [...before, name];
    for (const needed of node.names) this.#visit(needed);
    if (node.unseals || this.#isSecret(name) || this.#readsSecret(node)) this.#secret.add(name);
    const value = this.#rendered(name, node);
    this.#nodes.set(name, value);
    if (this.#scope !== null) this.#scope[name] = value;
    this.#open = before;
  }

  #rendered(name: string, node: TemplateNode): unknown {
    const { regex = noSlowRegex } = this.#input;
    try {
      return node.render(this.#scopeOf(node), regex);
    } catch (cause) {
      const error = located(name, cause);
      // Of a secret that cannot be read there is nothing to tell but why.
      if (isPetrelError(error) && unreadable.has(error.code)) throw error;
      throw this.#secret.has(name) ? withoutQuotes(name, error) : error;
    }
  }

  #readsSecret({ reads }: TemplateNode): boolean {
    for (const name of reads) if (this.#secret.has(name) || this.#isSecret(name)) return true;
    return false;
  }

  /** Most templates read nothing but what the context has. */
  #scopeOf({ reads }: TemplateNode): Scope {
    const { context } = this.#input;
    if (this.#scope !== null) return this.#scope;
    let needsMore = false;
    for (const name of reads) if (this.#nodes.has(name)) needsMore = true;
    if (!needsMore) return context;
    const scope: Record<string, unknown> = Object.assign(Object.create(null), context);
    for (const [name, value] of this.#nodes) if (!(value instanceof TemplateNode)) scope[name] = value;
    this.#scope = scope;
    return scope;
  }

  #isSecret(name: string): boolean {
    const { action, runner } = this.#input;
    return [action, runner].some((table) => Object.hasOwn(table, name) && table[name]?.secret === true);
  }
}

const unreadable: ReadonlySet<ErrorCode> = new Set(["KEY_FILE", "KEY_UNREADABLE"]);

/** What went wrong with a secret is told without what it is: messages of evaluations quote values. */
function withoutQuotes(name: string, error: unknown): unknown {
  if (!isPetrelError(error)) return error;
  return new PetrelError(error.code, `parameter '${name}': its template cannot be rendered`, {
    where: `parameters.${name}`,
    hint: error.hint,
  });
}

function cycle(names: readonly string[]): PetrelError {
  return new PetrelError(
    "PARAMETER_DEPENDENCY",
    `Cyclic dependency found in the following variables: ${[...names].sort().join(", ")}`,
    { hint: "a parameter's template must not lead back to the parameter itself" },
  );
}
