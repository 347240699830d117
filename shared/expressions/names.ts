/** Which names a template takes from its context. */
import type { Arguments, Expression, Statement, Target } from "./ast.ts";

/** Every name that is loaded anywhere, whether or not the template itself sets it. */
export function namesOf(statements: readonly Statement[]): ReadonlySet<string> {
  const names = new Set<string>();
  walk(statements, new Set(), (name) => names.add(name));
  return names;
}

/** The names that must come from outside: loaded where the template has not set them. */
export function freeNames(statements: readonly Statement[]): ReadonlySet<string> {
  const names = new Set<string>();
  walk(statements, new Set(), (name, bound) => {
    if (!bound) names.add(name);
  });
  return names;
}

type Visit = (name: string, bound: boolean) => void;

function walk(statements: readonly Statement[], known: Set<string>, visit: Visit): void {
  const load = (node: Expression | null, scope: ReadonlySet<string> = known): void =>
    loads(node, (name) => visit(name, scope.has(name)));
  for (const node of statements) {
    switch (node.type) {
      case "text":
        break;
      case "output":
        load(node.expression);
        break;
      case "if":
        for (const { test, body } of node.branches) {
          load(test);
          walk(body, known, visit);
        }
        walk(node.otherwise ?? [], known, visit);
        break;
      case "for": {
        load(node.iterable);
        const inner = new Set([...known, "loop"]);
        declare(node.target, inner, visit);
        load(node.filter, inner);
        walk(node.body, inner, visit);
        walk(node.otherwise ?? [], new Set(known), visit);
        break;
      }
      case "set":
        load(node.value);
        declare(node.target, known, visit);
        break;
      case "set-block":
        load(node.filter);
        walk(node.body, new Set(known), visit);
        declare(node.target, known, visit);
        break;
      case "filter-block":
        load(node.filter);
        walk(node.body, new Set(known), visit);
        break;
      case "with": {
        const inner = new Set(known);
        for (const { target, value } of node.bindings) {
          load(value);
          declare(target, inner, visit);
        }
        walk(node.body, inner, visit);
        break;
      }
      case "macro":
      case "call-block": {
        if (node.type === "macro") known.add(node.name);
        else load(node.call);
        const inner = new Set([...known, "varargs", "kwargs", "caller"]);
        for (const parameter of node.parameters) {
          load(parameter.default);
          inner.add(parameter.name);
        }
        walk(node.body, inner, visit);
        break;
      }
    }
  }
}

function declare(target: Target, known: Set<string>, visit: Visit): void {
  if (target.type === "name") known.add(target.name);
  else if (target.type === "namespace") visit(target.name, known.has(target.name));
  else for (const part of target.items) declare(part, known, visit);
}

function loads(node: Expression | null, visit: (name: string) => void): void {
  if (node === null) return;
  if (node.type === "name") visit(node.name);
  for (const child of inside(node)) loads(child, visit);
}

/** The expressions directly inside one. */
function inside(node: Expression): readonly (Expression | null)[] {
  switch (node.type) {
    case "constant":
    case "name":
      return [];
    case "list":
    case "tuple":
      return node.items;
    case "dict":
      return node.pairs.flat();
    case "attribute":
      return [node.of];
    case "item":
      return [node.of, node.key];
    case "slice":
      return [node.start, node.stop, node.step];
    case "call":
      return [node.callee, ...inArguments(node.args)];
    case "filter":
    case "test":
      return [node.input, ...inArguments(node.args)];
    case "binary":
    case "and":
    case "or":
      return [node.left, node.right];
    case "negate":
    case "positive":
    case "not":
      return [node.operand];
    case "concat":
      return node.parts;
    case "compare":
      return [node.first, ...node.rest.map((part) => part.operand)];
    case "conditional":
      return [node.test, node.then, node.otherwise];
  }
}

function inArguments(args: Arguments): (Expression | null)[] {
  return [...args.positional, ...args.named.map((argument) => argument.value), args.spread, args.spreadNamed];
}
