/** Templates and data from people who mean harm. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPetrelError } from "../../../../shared/errors.ts";
import { findValues } from "../../../../shared/expressions/jsonpath.ts";
import { parseJson } from "../../../../shared/expressions/python/json-text.ts";
import { literalEval } from "../../../../shared/expressions/python/literal.ts";
import { RegexNeeded } from "../../../../shared/expressions/regex/answer.ts";
import { parseRegex } from "../../../../shared/expressions/regex/parse.ts";
import { compilePattern, keptPatterns } from "../../../../shared/expressions/regex/pattern.ts";
import { compileTemplate } from "../../../../shared/expressions/template.ts";
import { parseDateTime } from "../../../../shared/rules/datetime-text.ts";
import { compileWildcard } from "../../../../shared/rules/wildcard.ts";

const scope = { trigger: { path: "/etc/passwd", list: [1, 2], d: { a: 1 }, t: "{{ 7 * 7 }}" } };
const code = (template: string): string => {
  try {
    return `text: ${compileTemplate(template).render(scope)}`;
  } catch (error) {
    if (isPetrelError(error)) return error.code;
    throw error;
  }
};

describe("nothing of JavaScript is in reach", () => {
  test.each([
    "{{ ''.constructor.constructor('return process')() }}",
    "{{ trigger.constructor }}",
    "{{ trigger['constructor'] }}",
    "{{ trigger.__proto__ }}",
    "{{ trigger['__proto__'] }}",
    "{{ trigger.list.constructor }}",
    "{{ trigger.list.push(1) }}",
    "{{ trigger.path.at(0) }}",
    "{{ trigger.hasOwnProperty('path') }}",
    "{{ range.constructor }}",
    "{{ cycler('a').constructor }}",
    "{{ cycler.prototype }}",
    "{{ namespace(a=1).constructor }}",
    "{{ (trigger.list | map('upper')).constructor }}",
    "{{ trigger.path | attr('constructor') }}",
    "{{ trigger.path | attr('__class__') }}",
    "{{ '{0.constructor}'.format(trigger) }}",
    "{{ '{0.__class__}'.format(trigger) }}",
    "{{ '%(constructor)s' % trigger }}",
    "{{ [trigger] | map(attribute='constructor') | join }}",
    "{{ [trigger] | map(attribute='__proto__.x') | join }}",
    "{{ trigger | jsonpath_query('constructor') | first }}",
    "{{ constructor }}",
    "{{ __proto__ }}",
    "{{ toString }}",
    "{{ process }}",
    "{{ globalThis }}",
    "{% for x in [1] %}{{ loop.constructor }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.constructor }}",
    "{% set trigger.__proto__ = 1 %}",
  ])("%s", (template) => {
    expect(code(template)).toMatch(/^EXPRESSION_(?:UNDEFINED|TYPE)$/);
  });

  test("a template in a payload stays text", () => {
    expect(code("{{ trigger.t }}")).toBe("text: {{ 7 * 7 }}");
  });

  test("a payload is not changed by a template that changes its copy", () => {
    const payload = { list: [1], d: { a: 1 } };
    const template =
      "{% set l = list | list %}{% set _ = l.append(2) %}{% set e = dict(d) %}{% set _ = e.update(b=2) %}{{ l }}{{ e }}";
    expect(compileTemplate(template).render(payload)).toBe("[1, 2]{'a': 1, 'b': 2}");
    expect(payload).toEqual({ list: [1], d: { a: 1 } });
  });

  test("own properties of awkward names are plain data", () => {
    const data = parseJson('{"__proto__": {"x": 1}, "constructor": "c", "2": "b", "1": "a"}');
    expect(
      compileTemplate("{{ d['__proto__'].x }}{{ d.constructor }}{{ d | list }}").render({ d: data }),
    ).toBe("1c['__proto__', 'constructor', '2', '1']");
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});

describe("everything has an end", () => {
  test.each([
    ["{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "EXPRESSION_BUDGET"],
    ["{{ range(1000000) | list }}", "EXPRESSION_TYPE"],
    ["{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "EXPRESSION_BUDGET"],
    ["{{ 'x' * 1000000000 }}", "EXPRESSION_BUDGET"],
    ["{{ [0] * 1000000000 }}", "EXPRESSION_BUDGET"],
    ["{{ 9 ** (9 ** 9) }}", "EXPRESSION_BUDGET"],
    ["{{ 'a'.center(1000000000) }}", "EXPRESSION_TYPE"],
    ["{{ '%1000000000d' % 1 }}", "EXPRESSION_TYPE"],
    ["{{ '{:1000000000}'.format(1) }}", "EXPRESSION_TYPE"],
    ["{{ ('a' * 100000) | replace('a', 'b' * 100000) }}", "EXPRESSION_BUDGET"],
    [
      "{% set ns = namespace(x='a') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      "EXPRESSION_BUDGET",
    ],
    [
      "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
      "EXPRESSION_BUDGET",
    ],
    ["{% for i in range(9999) %}{{ 'x' * 1000 }}{% endfor %}", "EXPRESSION_BUDGET"],
    [`{{ ${"(".repeat(5000)}1${")".repeat(5000)} }}`, "EXPRESSION_SYNTAX"],
    [`{{ ${"[".repeat(5000)}${"]".repeat(5000)} }}`, "EXPRESSION_SYNTAX"],
    [`{{ ${"-".repeat(5000)}1 }}`, "EXPRESSION_SYNTAX"],
    [`{{ ${"not ".repeat(5000)}1 }}`, "EXPRESSION_SYNTAX"],
    [`{{ ${"1 + ".repeat(60_000)}1 }}`, "EXPRESSION_SYNTAX"],
    ["{% if 1 %}".repeat(1000), "EXPRESSION_SYNTAX"],
    ["{{ 1 }}".repeat(50_000), "EXPRESSION_SYNTAX"],
    ["{% set l = [] %}{% set _ = l.append(l) %}{{ l | tojson }}", "EXPRESSION_TYPE"],
  ])("%#: refused with %s", (template, expected) => {
    expect(code(template)).toBe(expected);
  });

  test("a list that holds itself has a text, as in Python", () => {
    expect(code("{% set l = [1] %}{% set _ = l.append(l) %}{{ l }}")).toBe("text: [1, [...]]");
  });

  test("patterns that explode elsewhere are linear here", () => {
    const text = "a".repeat(50_000);
    expect(compilePattern("(a+)+$").test(`${text}b`, false, () => "unknown")).toBe(false);
    expect(compilePattern("(a|aa)*c").test(text, false, () => "unknown")).toBe(false);
    expect(compileWildcard("*a*a*a*a*b")(text.slice(0, 5000))).toBe(false);
  });

  test("a pattern with look-ahead is asked of the slow engine, not run here", () => {
    expect(() => compilePattern("(?=(a+)+$)b").test("a", false, () => "unknown")).toThrow(RegexNeeded);
  });
});

describe("no input throws anything but a PetrelError", () => {
  const pieces = fc.array(
    fc.constantFrom(
      "{{",
      "}}",
      "{%",
      "%}",
      "{#",
      "#}",
      "-",
      "+",
      " ",
      "\n",
      "a",
      "trigger",
      ".",
      "path",
      "[",
      "]",
      "(",
      ")",
      "{",
      "}",
      "|",
      "upper",
      "default",
      "is",
      "not",
      "in",
      "if",
      "else",
      "endif",
      "for",
      "x",
      "endfor",
      "set",
      "=",
      "'",
      '"',
      "\\",
      "1",
      "1.5",
      ",",
      ":",
      "~",
      "**",
      "//",
      "%",
      "==",
      "<",
      "raw",
      "endraw",
      "macro",
      "call",
      "é",
      "😀",
      "\ud800",
      "range",
      "loop",
    ),
    { maxLength: 25 },
  );
  const tolerant = (body: () => unknown) => {
    try {
      body();
    } catch (error) {
      if (!isPetrelError(error) && !(error instanceof RegexNeeded)) throw error;
    }
  };
  test("templates", () => {
    fc.assert(
      fc.property(pieces, (parts) => tolerant(() => compileTemplate(parts.join("")).evaluate(scope))),
      { numRuns: 3000 },
    );
  });
  test("expressions over any data", () => {
    const operators = ["+", "-", "*", "/", "//", "%", "**", "<", "==", "in", "and", "~"];
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...operators), fc.jsonValue(), (a, operator, b) =>
        tolerant(() => compileTemplate(`{{ a ${operator} b }}`).evaluate({ a, b })),
      ),
      { numRuns: 2000 },
    );
  });
  test("patterns, paths, literals, dates and JSON", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(..."()[]{}?*+|^$\\.<>=!-P:bdwsAZ019a,'\" \n#") }),
    );
    fc.assert(
      fc.property(text, fc.string(), (source, subject) => {
        tolerant(() => parseRegex(source));
        tolerant(() => compilePattern(source).test(subject, false, () => "unknown"));
        tolerant(() => findValues(source, { a: [1, { b: 2 }] }));
        tolerant(() => literalEval(source));
        tolerant(() => parseDateTime(source, 0));
        tolerant(() => parseJson(source));
        compileWildcard(source)(subject);
      }),
      { numRuns: 3000 },
    );
  });
  test("JSON without floats and long numbers is read as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), (text) => {
        const plain = (value: unknown): unknown =>
          JSON.parse(JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? Number(item) : item)));
        expect(plain(parseJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });
});

test("compiled patterns that are large are not all kept, small ones are", () => {
  const counts = keptPatterns();
  for (let i = 0; i < 300; i++) compilePattern(`a{1,1000}b${i}`);
  const kept = keptPatterns();
  expect(kept.weight).toBeLessThanOrEqual(kept.mostWeight);
  expect(kept.patterns - counts.patterns).toBeLessThan(300);
  // Of small ones there may be thousands.
  for (let i = 0; i < 3_000; i++) compilePattern(`^/etc/${i}$`);
  expect(keptPatterns().patterns).toBeGreaterThan(3_000 - 1);
});

test.each([
  ["a large count", "a{1,1000}", true],
  ["ten of them", "[a-z]{1,1000}(a*)*b".repeat(10), true],
  ["a hundred of them", "[a-z]{1,1000}(a*)*b".repeat(100), false],
  ["counts within counts", "(?:(?:a{100}){100}){100}", false],
])("a pattern that would be large is for the slow engine: %s", (_what, pattern, isLinear) => {
  expect(compilePattern(pattern).isLinear).toBe(isLinear);
});

describe("a path that finds more each time", () => {
  const scope = {
    trigger: { list: [1, 2, { a: [3, null] }], d: { a: 1, b: { c: "x" } }, path: "/etc", n: 1 },
  };
  test.each([5, 50])("is given up: '..$' %i times", (times) => {
    expect(() => findValues(`$${"..$".repeat(times)}..a`, scope)).toThrow(/looks at more than 500000 values/);
  });
  test("is none that looks at each of many values once", () => {
    const many = { trigger: Array.from({ length: 20_000 }, (_, i) => ({ a: i, b: { c: [i] } })) };
    expect(findValues("$..a", many)).toHaveLength(20_000);
    expect(findValues("$..b..c", many)).toHaveLength(20_000);
  });
});
