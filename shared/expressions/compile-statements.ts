/** Turns the statements of a template into closures that write to a run. */
import type { Expression, MacroParameter, Statement, Target } from "./ast.ts";
import { type Evaluate, ExpressionCompiler, type Vocabulary } from "./compile-expression.ts";
import { Missing } from "./datastore-lookup.ts";
import { Loop } from "./loop.ts";
import { namesOf } from "./names.ts";
import { truth } from "./python/compare.ts";
import { iterate, length } from "./python/sequence.ts";
import { repr, str } from "./python/text.ts";
import { Callable, Dict, fail, Namespace, Range, Tuple, typeName, Undefined } from "./python/values.ts";
import { Frame } from "./run.ts";

export type Execute = (frame: Frame) => void;
type Assign = (frame: Frame, value: unknown) => void;
type StatementOf<T extends Statement["type"]> = Extract<Statement, { type: T }>;

export class StatementCompiler {
  readonly #expressions: ExpressionCompiler;

  constructor(vocabulary: Vocabulary) {
    this.#expressions = new ExpressionCompiler(vocabulary);
  }

  /** The value of a template that is one expression. */
  expression(node: Expression): Evaluate {
    return this.#expressions.value(node);
  }

  body(statements: readonly Statement[]): Execute {
    const steps = statements.map((statement) => this.#statement(statement));
    const [only] = steps;
    if (steps.length === 1 && only !== undefined) return only;
    return (frame) => {
      for (const step of steps) step(frame);
    };
  }

  #statement(node: Statement): Execute {
    switch (node.type) {
      case "text": {
        const { text } = node;
        return (frame) => frame.run.write(text);
      }
      case "output": {
        const value = this.#expressions.value(node.expression);
        return (frame) => frame.run.write(str(value(frame)));
      }
      case "if":
        return this.#if(node);
      case "for":
        return this.#for(node);
      case "set": {
        const value = this.#expressions.settled(node.value);
        const assign = this.#assign(node.target);
        return (frame) => {
          frame.run.step();
          assign(frame, value(frame));
        };
      }
      case "set-block": {
        const text = this.#captured(node.filter, node.body);
        const assign = this.#assign(node.target);
        return (frame) => assign(frame, text(frame));
      }
      case "filter-block": {
        const text = this.#captured(node.filter, node.body);
        return (frame) => frame.run.write(str(text(frame)));
      }
      case "with":
        return this.#with(node);
      case "macro": {
        const make = this.#macro(node.name, node.parameters, node.body);
        return (frame) => frame.set(node.name, make(frame));
      }
      case "call-block":
        return this.#callBlock(node);
    }
  }

  #if(node: StatementOf<"if">): Execute {
    const branches = node.branches.map(({ test, body }) => ({
      test: this.#expressions.value(test),
      body: this.body(body),
    }));
    const otherwise = node.otherwise === null ? null : this.body(node.otherwise);
    return (frame) => {
      frame.run.step();
      const branch = branches.find(({ test }) => truth(test(frame)));
      (branch?.body ?? otherwise)?.(frame);
    };
  }

  /** What `body` writes, through the filters of its tag. */
  #captured(filter: Expression | null, body: readonly Statement[]): Evaluate {
    const inner = this.body(body);
    const capture: Evaluate = (frame) => {
      const own = new Frame(frame.run, frame);
      return frame.run.capture(() => inner(own));
    };
    return filter?.type === "filter" ? this.#expressions.filter(filter, capture) : capture;
  }

  #assign(target: Target): Assign {
    if (target.type === "name") {
      const { name } = target;
      return (frame, value) => frame.set(name, value);
    }
    if (target.type === "namespace") {
      const { name, attribute } = target;
      return (frame, value) => {
        const space = frame.get(name);
        if (!(space instanceof Namespace)) fail("cannot assign attribute on non-namespace object");
        else space.attributes.set(attribute, value);
      };
    }
    const parts = target.items.map((part) => this.#assign(part));
    return (frame, value) => {
      const items = iterable(value);
      if (items.length < parts.length) {
        fail(`not enough values to unpack (expected ${parts.length}, got ${items.length})`);
      }
      if (items.length > parts.length) fail(`too many values to unpack (expected ${parts.length})`);
      parts.forEach((part, i) => {
        part(frame, items[i]);
      });
    };
  }

  #with(node: StatementOf<"with">): Execute {
    const bindings = node.bindings.map(({ target, value }) => ({
      assign: this.#assign(target),
      value: this.#expressions.settled(value),
    }));
    const body = this.body(node.body);
    return (frame) => {
      const inner = new Frame(frame.run, frame);
      for (const { assign, value } of bindings) assign(inner, value(frame));
      body(inner);
    };
  }

  #for(node: StatementOf<"for">): Execute {
    const source = this.#expressions.value(node.iterable);
    const assign = this.#assign(node.target);
    const test = node.filter === null ? null : this.#expressions.value(node.filter);
    const body = this.body(node.body);
    const otherwise = node.otherwise === null ? null : this.body(node.otherwise);

    const turn = (frame: Frame, value: unknown, depth: number): void => {
      let items = iterable(value);
      if (value instanceof Range) frame.run.step(value.length);
      if (test !== null) {
        items = items.filter((entry) => {
          frame.run.step();
          const trial = new Frame(frame.run, frame);
          assign(trial, entry);
          return truth(test(trial));
        });
      }
      const again = node.recursive
        ? (nested: unknown) => frame.run.nested(() => frame.run.capture(() => turn(frame, nested, depth + 1)))
        : null;
      const loop = new Loop(items, depth, again);
      for (const entry of items) {
        frame.run.step();
        const inner = new Frame(frame.run, frame);
        inner.set("loop", loop);
        assign(inner, entry);
        body(inner);
        loop.advance();
      }
      if (items.length === 0) otherwise?.(frame);
    };
    return (frame) => turn(frame, source(frame), 0);
  }

  #macro(
    name: string,
    parameters: readonly MacroParameter[],
    body: readonly Statement[],
  ): (frame: Frame) => Callable {
    const inner = this.body(body);
    const used = namesOf(body);
    const known = parameters.map((parameter) => ({
      name: parameter.name,
      default: parameter.default === null ? null : this.#expressions.settled(parameter.default),
    }));
    return (frame) =>
      new Callable(name, (args, named) =>
        frame.run.nested(() => {
          frame.run.step();
          const own = new Frame(frame.run, frame);
          const left = new Map(named);
          known.forEach((parameter, i) => {
            const given = i < args.length ? args[i] : left.get(parameter.name);
            left.delete(parameter.name);
            own.set(
              parameter.name,
              given !== undefined
                ? given
                : parameter.default !== null
                  ? parameter.default(own)
                  : new Undefined(`parameter ${repr(parameter.name)} was not provided`),
            );
          });
          bindRest(own, name, used, args.slice(known.length), left);
          return frame.run.capture(() => inner(own));
        }),
      );
  }

  #callBlock(node: StatementOf<"call-block">): Execute {
    const make = this.#macro("caller", node.parameters, node.body);
    if (node.call.type !== "call") return fail("expected call");
    const callee = this.#expressions.value(node.call.callee);
    const args = this.#expressions.arguments(node.call.args);
    return (frame) => {
      const macro = callee(frame);
      if (!(macro instanceof Callable)) return fail(`'${typeName(macro)}' object is not callable`);
      const named = new Map(args.named(frame)).set("caller", make(frame));
      frame.run.write(str(macro.call(args.positional(frame), named)));
    };
  }
}

/** `varargs`, `kwargs` and `caller` of a macro; what it has no use for is refused. */
function bindRest(
  frame: Frame,
  name: string,
  used: ReadonlySet<string>,
  rest: readonly unknown[],
  left: Map<string, unknown>,
): void {
  const caller = left.get("caller");
  left.delete("caller");
  if (caller !== undefined) frame.set("caller", caller);
  else if (used.has("caller")) frame.set("caller", new Undefined("No caller defined"));
  if (rest.length > 0 && !used.has("varargs"))
    fail(`macro ${repr(name)} takes not more arguments than declared`);
  if (left.size > 0 && !used.has("kwargs")) {
    fail(`macro ${repr(name)} takes no keyword argument ${repr([...left.keys()][0] ?? "")}`);
  }
  frame.set("varargs", new Tuple(rest));
  frame.set("kwargs", Dict.of(left));
}

function iterable(value: unknown): readonly unknown[] {
  if (value instanceof Missing) return [];
  if (value instanceof Range && length(value) > 500_000) return fail("range is too long");
  return iterate(value);
}
