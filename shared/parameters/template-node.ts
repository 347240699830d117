/** Values with templates in them, compiled: what a rule supplies, and defaults. */
import { isPetrelError, PetrelError } from "../errors.ts";
import { jsonData } from "../expressions/python/json-text.ts";
import { str } from "../expressions/python/text.ts";
import { Dict, dictEntries, isDict } from "../expressions/python/values.ts";
import type { RegexOracle } from "../expressions/regex/answer.ts";
import type { Scope } from "../expressions/run.ts";
import { compileTemplate, isTemplate, type Template } from "../expressions/template.ts";

type Render = (scope: Scope, regex: RegexOracle) => unknown;

/** A value that is still to be rendered. */
export class TemplateNode {
  readonly render: Render;
  /** What has to be rendered before it. */
  readonly names: ReadonlySet<string>;
  /** Whatever it may look up: what it sets on one way only it reads on the other, and names may hide built-in ones. */
  readonly reads: ReadonlySet<string>;
  /** It opens a secret of the datastore. */
  readonly unseals: boolean;

  constructor(render: Render, names: ReadonlySet<string>, reads: ReadonlySet<string>, unseals: boolean) {
    this.render = render;
    this.names = names;
    this.reads = reads;
    this.unseals = unseals;
  }
}

/** Errors say which parameter they are about. */
export function located(name: string, error: unknown): unknown {
  if (!isPetrelError(error) || error.where !== undefined || error.code === "PARAMETER_DEPENDENCY")
    return error;
  return new PetrelError(error.code, `parameter '${name}': ${error.message}`, {
    where: `parameters.${name}`,
    hint: error.hint,
    cause: error,
  });
}

/** Templates of rules and defaults do not change, and are met for each execution. `null`: nothing to render. */
const nodesOfTexts = new WeakMap<Template, TemplateNode>();
const nodesOfObjects = new WeakMap<object, TemplateNode | null>();

/** `null` for a value in which there is no template. Throws EXPRESSION_SYNTAX. */
export function compiledValue(name: string, value: unknown): TemplateNode | null {
  try {
    if (typeof value === "string") return isTemplate(value) ? compiledText(value) : null;
    if (typeof value !== "object" || value === null) return null;
    const known = nodesOfObjects.get(value);
    if (known !== undefined) return known;
    const node = compile(value);
    nodesOfObjects.set(value, node);
    return node;
  } catch (error) {
    throw located(name, error);
  }
}

function compiledText(text: string): TemplateNode | null {
  const template = compileTemplate(text);
  const known = nodesOfTexts.get(template);
  if (known !== undefined) return known;
  const node = compile(text);
  if (node !== null) nodesOfTexts.set(template, node);
  return node;
}

function compile(value: unknown): TemplateNode | null {
  const names = new Set<string>();
  const reads = new Set<string>();
  const sources: string[] = [];
  const render = compileLeaf(value, true, { names, reads, sources });
  const unseals = sources.some((source) => source.includes("decrypt_kv"));
  // The filter looks the datastore up by itself.
  if (unseals) reads.add("st2kv");
  return render === null ? null : new TemplateNode(render, names, reads, unseals);
}

/** What was met on the way through a value. */
interface SeenTemplates {
  /** That its templates need. */
  readonly names: Set<string>;
  /** That they may look up. */
  readonly reads: Set<string>;
  readonly sources: string[];
}

/**
 * A function that renders every template inside `value`; `null` when there is none. At the top a template gives text,
 * which casting reads by the declared type; inside a list or object an expression keeps its type.
 */
function compileLeaf(value: unknown, top: boolean, seen: SeenTemplates): Render | null {
  if (typeof value === "string") {
    if (!isTemplate(value)) return null;
    const template = compileTemplate(value);
    for (const name of template.names) seen.names.add(name);
    for (const name of template.reads) seen.reads.add(name);
    seen.sources.push(value);
    return top
      ? (scope, regex) => template.render(scope, regex)
      : (scope, regex) => jsonData(template.evaluate(scope, regex));
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => compileLeaf(item, false, seen));
    if (items.every((item) => item === null)) return null;
    return (scope, regex) =>
      value.map((item, i) => {
        const render = items[i] ?? null;
        return render === null ? item : render(scope, regex);
      });
  }
  if (!isDict(value)) return null;
  const entries = dictEntries(value).map(([key, item]) => ({
    key,
    item,
    renderKey: compileLeaf(key, true, seen),
    render: compileLeaf(item, false, seen),
  }));
  if (entries.every((entry) => entry.renderKey === null && entry.render === null)) return null;
  return (scope, regex) => {
    const pairs = entries.map(
      ({ key, item, renderKey, render }) =>
        [
          renderKey === null ? key : str(renderKey(scope, regex)),
          render === null ? item : render(scope, regex),
        ] as const,
    );
    return value instanceof Dict ? Dict.of(pairs) : Object.fromEntries(pairs);
  };
}
