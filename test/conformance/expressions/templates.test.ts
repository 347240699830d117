/** Recorded answers of Jinja2 and of StackStorm's filters, template by template. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isPetrelError } from "../../../shared/errors.ts";
import { parseJson } from "../../../shared/expressions/python/json-text.ts";
import { repr } from "../../../shared/expressions/python/text.ts";
import { runNative } from "../../../shared/expressions/regex/native.ts";
import { compileTemplate } from "../../../shared/expressions/template.ts";

type Row = readonly [template: string, text?: string, value?: string];
// Read without loss: the scope holds floats that are whole numbers and ints beyond 2^53.
const recorded = parseJson(readFileSync(new URL("templates.json", import.meta.url), "utf8")) as {
  readonly scope: Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
};
const regex = (request: Parameters<typeof runNative>[0]) => ({ matches: runNative(request) });

function answer(template: string): readonly [text?: string, value?: string] {
  try {
    const compiled = compileTemplate(template);
    const text = compiled.render(recorded.scope, regex);
    return compiled.isExpression ? [text, repr(compiled.evaluate(recorded.scope, regex))] : [text];
  } catch (error) {
    if (isPetrelError(error)) return [];
    throw error;
  }
}

test.each(recorded.rows.map((row) => [row[0], row] as const))("%s", (template, [, text, value]) => {
  const [gotText, gotValue] = answer(template);
  expect(gotText).toBe(text);
  if (value !== undefined) expect(gotValue).toBe(value);
});

test.each([
  ["a payload's method has no text", "{{ trigger.items }}", "EXPRESSION_TYPE"],
  ["chance is refused: a replay must find the same", "{{ trigger.list | random }}", "EXPRESSION_TYPE"],
  ["a payload is never changed", "{{ trigger.list.append(4) }}", "EXPRESSION_TYPE"],
  ["a generator has no text", "{{ trigger.list | map('string') }}", "EXPRESSION_TYPE"],
  ["encrypted keys are not there", "{{ 'x' | decrypt_kv }}", "EXPRESSION_TYPE"],
])("differs on purpose: %s", (_why, template, code) => {
  const render = () => compileTemplate(template).render(recorded.scope);
  expect(render).toThrow(expect.objectContaining({ code }));
});
