import { describe, expect, test } from "vitest";
import { datastoreContext } from "../../../../shared/expressions/datastore-lookup.ts";
import { encodeJson, parseJson } from "../../../../shared/expressions/python/json-text.ts";
import { compileTemplate, isTemplate } from "../../../../shared/expressions/template.ts";

describe("a template", () => {
  test("that is exactly one expression gives its value, any other its text", () => {
    const scope = { n: 5, list: [1, "a"] };
    expect(compileTemplate("{{ list }}").evaluate(scope)).toEqual([1, "a"]);
    expect(compileTemplate("{{ n + 1 }}").evaluate(scope)).toBe(6);
    expect(compileTemplate(" {{ n }}").evaluate(scope)).toBe(" 5");
    expect(compileTemplate("{{ n }}{{ n }}").evaluate(scope)).toBe("55");
    expect(compileTemplate("{{ list }}").render(scope)).toBe("[1, 'a']");
  });

  test("a name whose value is None is defined", () => {
    const scope = { x: null };
    expect(
      compileTemplate("{{ x }} {{ x is defined }} {{ x is none }} {{ x | default('d') }}").render(scope),
    ).toBe("None True True None");
    expect(compileTemplate("{% set ns = namespace(a=none) %}{{ ns.a }}").render({})).toBe("None");
  });

  test("names what is undefined as Jinja2 does", () => {
    expect(() => compileTemplate("{{ x }}").render({})).toThrow("'x' is undefined");
    expect(() => compileTemplate("{{ d.x }}").render({ d: {} })).toThrow(
      "'dict object' has no attribute 'x'",
    );
    expect(() => compileTemplate("{{ d.x }}").evaluate({ d: {} })).toThrow(
      "'dict object' has no attribute 'x'",
    );
  });

  test.each([
    ["{{ 1 + }}", "line 1, column 8"],
    ["a\nb {{ 'x }}", "line 2, column 6"],
    ["{% if x %}", "'if' was not closed"],
    ["{% include 'x' %}", "'include' is not available"],
  ])("%j is refused with its place", (template, message) => {
    expect(() => compileTemplate(template)).toThrow(message);
  });

  test.each([
    ["{{ x | uper }}", "did you mean 'upper'?"],
    ["{{ x is defned }}", "did you mean 'defined'?"],
    ["{% iff x %}{% endif %}", "did you mean 'if'?"],
  ])("%s: a misspelt name gets a hint", (template, hint) => {
    expect(() => compileTemplate(template)).toThrow(
      expect.objectContaining({ code: "EXPRESSION_SYNTAX", hint }),
    );
  });

  test("says which names it takes from outside", () => {
    const names = compileTemplate(
      "{% set a = b %}{{ a }}{% for x in y if x > z %}{{ x }}{{ loop.index }}{% endfor %}{{ x }}{{ range(n) }}{% macro m(p=q) %}{{ p }}{{ r }}{% endmacro %}",
    ).names;
    expect([...names].sort()).toEqual(["b", "n", "q", "r", "x", "y", "z"]);
  });

  test.each(["{{ x }}", "{% if x %}", "a {# b #}"])("%s is one", (text) =>
    expect(isTemplate(text)).toBe(true),
  );
  test.each(["", "{ x }", "}}", "%}"])("%j is none", (text) => expect(isTemplate(text)).toBe(false));
});

describe("datastore keys", () => {
  const keys: Record<string, string> = {
    limit: "250",
    "a.b": "deep",
    a: "shallow",
    "a.b.c": "deeper",
    name: "web",
  };
  const scope = { st2kv: datastoreContext({ system: (name) => keys[name] }) };
  const render = (template: string) => compileTemplate(template).render(scope);
  test.each([
    ["{{ st2kv.system.limit }}", "250"],
    ["{{ st2kv.system.limit == '250' }}", "True"],
    ["{{ st2kv.system.limit | int + 1 }}", "251"],
    ["{{ st2kv.system.limit | length }}", "3"],
    ["{{ st2kv.system.name.upper() }}", "WEB"],
    ["{{ st2kv.system.name | upper }}", "WEB"],
    ["{{ st2kv.system.name | tojson }}", '"web"'],
    ["{{ st2kv.system.a }} {{ st2kv.system.a.b }} {{ st2kv.system.a.b.c }}", "shallow deep deeper"],
    ["{{ st2kv.system['a.b'] }}", "deep"],
    ["{{ st2kv['system'].a['b'] }}", "deep"],
    ["[{{ st2kv.system.nope }}]", "[]"],
    ["[{{ st2kv.system.a.nope }}]", "[]"],
    ["{{ st2kv.system.nope | default('d') }}", "d"],
    ["{{ st2kv.system.limit | default('d') }}", "250"],
    ["{{ st2kv.system.nope is defined }} {{ st2kv.system.limit is defined }}", "False True"],
    ["{{ 'yes' if st2kv.system.nope else 'no' }}", "no"],
    ["{{ st2kv.system.nope or 'x' }}", "x"],
    ["{{ st2kv.system.nope == '' }}", "True"],
    ["{% set k = st2kv.system.a %}{{ k }}", "shallow"],
    ["{% set k = st2kv.system.q %}{{ k | default('none') }}", "none"],
    ["{{ st2kv.system.q.r.s | default('none') }}", "none"],
    ["{{ ('x' ~ st2kv.system.limit ~ st2kv.system.nope) }}", "x250"],
    ["{{ [st2kv.system.limit] }}", "['250']"],
    ["{{ st2kv.system.limit is string }}", "True"],
  ])("%s", (template, text) => expect(render(template)).toBe(text));

  test("the value of a single expression is the text", () => {
    expect(compileTemplate("{{ st2kv.system.limit }}").evaluate(scope)).toBe("250");
    expect(compileTemplate("{{ st2kv.system.nope }}").evaluate(scope)).toBe("");
  });
});

describe("JSON without loss", () => {
  test.each([
    "1.0",
    "-0.0",
    "1e+16",
    "12345678901234567890123",
    '{"b":1,"a":2.0,"10":3,"9":4}',
    '["\\ud83d",{"__proto__":1}]',
    "[[],{},null,true]",
  ])("%s comes back as it was", (text) => {
    expect(encodeJson(parseJson(text))).toBe(text);
  });
  test.each(["", "{", "[1,]", "{'a':1}", "01", "1 2", '"\n"', "nul", '{"a" 1}', "[1 2]"])(
    "%j is refused",
    (text) => {
      expect(() => parseJson(text)).toThrow(expect.objectContaining({ code: "JSON_SYNTAX" }));
    },
  );
});
