/** The pattern of a criterion: constant, or rendered for each trigger. */

import { isPetrelError } from "../errors.ts";
import { parseTemplate } from "../expressions/parse-template.ts";
import { jsonData, parseJson } from "../expressions/python/json-text.ts";
import type { RegexOracle } from "../expressions/regex/answer.ts";
import type { Scope } from "../expressions/run.ts";
import { compileTemplate, isTemplate, type Template } from "../expressions/template.ts";

export type CriteriaPattern =
  | { readonly constant: true; readonly value: unknown }
  | { readonly constant: false; render(scope: Scope, regex: RegexOracle): unknown };

/**
 * Only texts are rendered. One expression gives its value; mixed text gives the value that the text spells if it is
 * JSON with the last expression of each line as JSON, as StackStorm has it (`-{{ trigger.n }}` is a number), and
 * else the text. Throws EXPRESSION_SYNTAX.
 */
export function compileCriteriaPattern(pattern: unknown): CriteriaPattern {
  if (typeof pattern !== "string") return { constant: true, value: pattern };
  if (!isTemplate(pattern)) {
    // Rendering ends lines with \n and drops one final line ending, in constant texts too.
    return { constant: true, value: pattern.replace(/\r\n?/g, "\n").replace(/\n$/, "") };
  }
  const template = compileTemplate(pattern);
  if (template.isExpression) {
    return { constant: false, render: (scope, regex) => jsonData(template.evaluate(scope, regex)) };
  }
  const typed = typedVariant(pattern);
  return {
    constant: false,
    render: (scope, regex) => {
      const value = typed === null ? undefined : spelled(typed, scope, regex);
      return value === undefined ? template.render(scope, regex) : value;
    },
  };
}

/** The template with `| to_complex` on the last expression of each line that has one; `null` when none has. */
function typedVariant(pattern: string): Template | null {
  if (!/\{\{.*\}\}/.test(pattern)) return null;
  const changed = pattern.replace(
    /(\{\{-?)([^\n]*)(-?\}\})/g,
    (all, open: string, inside: string, close: string) => {
      const last = inside.lastIndexOf("{{");
      const head = last < 0 ? "" : inside.slice(0, last + 2);
      const expression = last < 0 ? inside : inside.slice(last + 2);
      const wrapped = `${open}${head}(${expression}) | to_complex ${close}`;
      return parses(wrapped) ? wrapped : all;
    },
  );
  return changed !== pattern && parses(changed) ? compileTemplate(changed) : null;
}

function parses(text: string): boolean {
  try {
    parseTemplate(text);
    return true;
  } catch (error) {
    if (isPetrelError(error)) return false;
    throw error;
  }
}

/** The value that the rendered text spells as JSON, or `undefined` when it is no JSON. */
function spelled(template: Template, scope: Scope, regex: RegexOracle): unknown {
  const text = template.render(scope, regex);
  try {
    return parseJson(text);
  } catch (error) {
    if (isPetrelError(error) && error.code === "JSON_SYNTAX") return undefined;
    throw error;
  }
}
