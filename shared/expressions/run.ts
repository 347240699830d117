/** What one rendering may use and has used: data, names, budgets, output. */
import { PetrelError } from "../errors.ts";
import { Undefined } from "./python/values.ts";
import type { RegexOracle } from "./regex/answer.ts";

/** Loop turns, statements and items walked by filters that one rendering may spend. */
const MAX_STEPS = 200_000;
/** UTF-16 units that one rendering may write. */
const MAX_OUTPUT = 2_000_000;

/** The names a template sees. Only own properties count. */
export type Scope = Readonly<Record<string, unknown>>;

export class Run {
  readonly context: Scope;
  readonly regex: RegexOracle;
  /** Made when it is needed: few templates make lists or dicts. */
  #owned: WeakSet<object> | null = null;
  #steps = MAX_STEPS;
  #written = 0;
  #out = "";
  #depth = 0;

  constructor(context: Scope, regex: RegexOracle) {
    this.context = context;
    this.regex = regex;
  }

  /** Throws EXPRESSION_BUDGET when the rendering takes too many steps. */
  step(count = 1): void {
    this.#steps -= count;
    if (this.#steps < 0)
      throw new PetrelError("EXPRESSION_BUDGET", `a template takes more than ${MAX_STEPS} steps`);
  }

  write(text: string): void {
    this.#written += text.length;
    if (this.#written > MAX_OUTPUT) {
      throw new PetrelError("EXPRESSION_BUDGET", `a template writes more than ${MAX_OUTPUT} characters`);
    }
    this.#out += text;
  }

  /** What has been written so far. */
  get output(): string {
    return this.#out;
  }

  /** What `body` writes, instead of writing it. */
  capture(body: () => void): string {
    const before = this.#out;
    this.#out = "";
    try {
      body();
      return this.#out;
    } finally {
      this.#out = before;
    }
  }

  /** Runs a macro or recursive loop; a template that calls itself without end is refused. */
  nested<T>(body: () => T): T {
    if (++this.#depth > 50) throw new PetrelError("EXPRESSION_BUDGET", "a template calls itself too deeply");
    try {
      return body();
    } finally {
      this.#depth--;
    }
  }

  /** Marks a list or dict as made by the template, so that it may be changed. */
  own<T extends object>(value: T): T {
    this.#owned ??= new WeakSet();
    this.#owned.add(value);
    return value;
  }

  owns(value: object): boolean {
    return this.#owned?.has(value) ?? false;
  }
}

/** The variables of one block; a name not found here is looked for outside it. */
export class Frame {
  readonly run: Run;
  readonly #parent: Frame | null;
  #names: Map<string, unknown> | null = null;

  constructor(run: Run, parent: Frame | null = null) {
    this.run = run;
    this.#parent = parent;
  }

  set(name: string, value: unknown): void {
    this.#names ??= new Map();
    this.#names.set(name, value);
  }

  get(name: string): unknown {
    for (let frame: Frame | null = this; frame !== null; frame = frame.#parent) {
      const value = frame.#names?.get(name);
      if (value !== undefined) return value;
    }
    const { context } = this.run;
    return Object.hasOwn(context, name) ? context[name] : undefined;
  }
}

export function undefinedName(name: string): Undefined {
  return new Undefined(`'${name}' is undefined`, name);
}
