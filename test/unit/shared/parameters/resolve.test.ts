import { describe, expect, test } from "vitest";
import { isPetrelError } from "../../../../shared/errors.ts";
import { datastoreContext } from "../../../../shared/expressions/datastore-lookup.ts";
import { Float } from "../../../../shared/expressions/python/values.ts";
import type { ParameterSchemas } from "../../../../shared/model/pack.ts";
import {
  type ResolveInput,
  resolveParameters,
  resolveValues,
} from "../../../../shared/parameters/resolve.ts";

const trigger = {
  n: 5,
  f: new Float(1),
  s: 'say "hi"\n{{ trigger.n }}',
  list: [1, "a", null],
  d: { k: true },
  nil: null,
  flag: true,
};
const context = {
  trigger,
  st2kv: datastoreContext({ system: (name) => ({ limit: "7" })[name] }),
  action_context: { user: "stanley" },
  config_context: { region: "eu" },
};
function input(
  action: ParameterSchemas,
  supplied: Record<string, unknown>,
  more: Partial<ResolveInput> = {},
): ResolveInput {
  return { action, runner: {}, supplied, context, ...more };
}
const secret = { type: "integer", secret: true } as const;
const live = (
  action: ParameterSchemas,
  supplied: Record<string, unknown>,
  more: Partial<ResolveInput> = {},
) => Object.fromEntries(resolveValues(input(action, supplied, more)).live);
function refusal(
  action: ParameterSchemas,
  supplied: Record<string, unknown>,
  more: Partial<ResolveInput> = {},
): string {
  try {
    resolveValues(input(action, supplied, more));
    return "none";
  } catch (error) {
    if (isPetrelError(error)) return error.code;
    throw error;
  }
}

describe("a supplied template is text, then cast by the declared type", () => {
  test.each<[string, string, unknown]>([
    ["string", "{{ trigger.n }}", "5"],
    ["string", "{{ trigger.f }}", "1.0"],
    ["string", "{{ trigger.nil }}", "None"],
    ["string", "{{ trigger.nil | use_none }}", null],
    ["string", "{{ trigger.flag }}", "True"],
    ["string", "{{ trigger.list }}", "[1, 'a', None]"],
    ["string", "{{ trigger.s }}", 'say "hi"\n{{ trigger.n }}'],
    [
      "string",
      "pre {{ st2kv.system.limit }} {{ config_context.region }} {{ action_context.user }}",
      "pre 7 eu stanley",
    ],
    ["integer", "{{ trigger.n }}", 5],
    ["integer", "{{ st2kv.system.limit }}", 7],
    ["number", "{{ trigger.n }}", new Float(5)],
    ["boolean", "{{ trigger.flag }}", true],
    ["boolean", "false", false],
    ["array", "{{ trigger.list }}", [1, "a", null]],
    ["array", "{{ trigger.list | to_json_string }}", [1, "a", null]],
    ["object", '{"a": {{ trigger.n }}}', { a: 5 }],
    ["string", "{# only a comment #}x", "x"],
  ])("%s %s", (type, template, value) => {
    expect(live({ p: { type } }, { p: template })).toEqual({ p: value });
  });
  test("an object from Python's own spelling", () => {
    const [value] = resolveValues(input({ p: { type: "object" } }, { p: "{{ trigger.d }}" })).live.values();
    expect(JSON.stringify(value)).toBe('{"k":true}');
  });
  test.each([
    ["integer", "{{ trigger.f }}"],
    ["integer", "{{ trigger.nil }}"],
    ["integer", "x"],
    ["number", "{{ trigger.s }}"],
    ["boolean", "yes"],
    ["boolean", "1"],
    ["array", "{{ trigger.s }}"],
    ["array", "5"],
    ["object", "[1]"],
  ])("%s %s is refused", (type, template) => {
    expect(refusal({ p: { type } }, { p: template })).toBe("PARAMETER_INVALID");
  });
  test("a constant of a wrong type is refused as well", () => {
    expect(refusal({ p: { type: "string" } }, { p: 5 })).toBe("PARAMETER_INVALID");
    expect(refusal({ p: { type: "array" } }, { p: { a: 1 } })).toBe("PARAMETER_INVALID");
    expect(refusal({ p: { type: "integer" } }, { p: [1] })).toBe("PARAMETER_INVALID");
  });
});

test("inside lists and objects each leaf is rendered on its own and keeps its type", () => {
  const value = {
    n: "{{ trigger.n }}",
    text: "a {{ trigger.s }}",
    same: "{{ trigger.s }}",
    list: ["{{ trigger.list }}", "{{ trigger.nil }}", "plain", 5],
    "key {{ trigger.n }}": true,
  };
  expect(live({ p: { type: "object" } }, { p: value })).toEqual({
    p: {
      n: 5,
      text: 'a say "hi"\n{{ trigger.n }}',
      same: 'say "hi"\n{{ trigger.n }}',
      list: [[1, "a", null], null, "plain", 5],
      "key 5": true,
    },
  });
});

describe("defaults", () => {
  const action: ParameterSchemas = {
    a: { type: "string", default: "da" },
    b: { type: "string", default: "{{ a }}-{{ trigger.n }}" },
    c: { type: "integer" },
  };
  test("only templates of defaults are among the live values; all are in the final ones", () => {
    const resolved = resolveValues(input(action, { c: "{{ trigger.n }}" }));
    expect([...resolved.live]).toEqual([
      ["c", 5],
      ["b", "da-5"],
    ]);
    expect(Object.fromEntries(resolved.parameters)).toEqual({ a: "da", b: "da-5", c: 5 });
  });
  test("a parameter without value or default is None to the templates of others", () => {
    expect(live({ a: { type: "string" }, b: { type: "string", default: "{{ a }}" } }, {})).toEqual({
      b: "None",
    });
  });
  test("null takes the default, an action's default comes before its runner's", () => {
    const runner: ParameterSchemas = {
      a: { type: "string", default: "runner" },
      r: { type: "string", default: "rr" },
    };
    const resolved = resolveValues(input(action, { a: null }, { runner }));
    expect(Object.fromEntries(resolved.runnerParameters)).toEqual({ a: "da", r: "rr" });
    expect(Object.fromEntries(resolved.parameters)).toEqual({ b: "da-5", c: null });
  });
  test("an action without a default of its own takes the runner's", () => {
    const resolved = resolveValues(
      input({ t: { description: "x" } }, {}, { runner: { t: { type: "integer", default: 60 } } }),
    );
    expect(Object.fromEntries(resolved.runnerParameters)).toEqual({ t: 60 });
  });
  test("immutable parameters keep their default and may not be given", () => {
    const fixed: ParameterSchemas = {
      cmd: { type: "string", default: "echo {{ m }}", immutable: true },
      m: { type: "string" },
    };
    expect(refusal(fixed, { cmd: "rm", m: "x" })).toBe("PARAMETER_IMMUTABLE");
    const resolved = resolveValues(input(fixed, { m: "x" }));
    expect(Object.fromEntries(resolved.live)).toEqual({ m: "x" });
    expect(Object.fromEntries(resolved.parameters)).toEqual({ cmd: "echo x", m: "x" });
  });
  test("a supplied value that looks like a template is not rendered again", () => {
    const nested: ParameterSchemas = {
      m: { type: "string" },
      env: { type: "object", default: { M: "{{ m }}" } },
    };
    const resolved = resolveValues(input(nested, { m: "{{ trigger.s }}" }));
    expect(Object.fromEntries(resolved.parameters)).toEqual({ m: trigger.s, env: { M: trigger.s } });
  });
  test("run by hand: supplied values are data", () => {
    const resolved = resolveValues(
      input({ m: { type: "string" } }, { m: "{{ nope }}" }, { renderSupplied: false }),
    );
    expect(Object.fromEntries(resolved.live)).toEqual({ m: "{{ nope }}" });
  });
});

describe("dependencies", () => {
  const action: ParameterSchemas = { a: { type: "string" }, b: { type: "string" }, c: { type: "integer" } };
  test("parameters see each other, in whatever order they come", () => {
    expect(live(action, { a: "{{ b }}!", b: "{{ c }}?", c: 5 })).toEqual({ a: "5?!", b: "5?", c: 5 });
  });
  test("a circle is refused", () => {
    expect(refusal(action, { a: "{{ b }}", b: "{{ a }}" })).toBe("PARAMETER_DEPENDENCY");
    expect(refusal(action, { a: "{{ a }}" })).toBe("PARAMETER_DEPENDENCY");
    expect(() => resolveValues(input(action, { a: "{{ b }}", b: "{{ a }}" }))).toThrow("variables: a, b");
  });
  test("a circle is told without those that only lead to it", () => {
    const supplied = { a: "{{ b }}", b: "{{ d }}", d: "{{ b }}" };
    expect(() => resolveValues(input({ ...action, d: {} }, supplied))).toThrow("variables: b, d");
  });
  test("a parameter hides what has its name in the surroundings", () => {
    const schemas: ParameterSchemas = { a: { type: "string" }, config_context: { type: "string" } };
    const supplied = {
      a: "{{ config_context }} of {{ action_context.user }}",
      config_context: "{{ 'mine' }}",
    };
    expect(live(schemas, supplied)).toEqual({ a: "mine of stanley", config_context: "mine" });
  });
  test("a template that was met before sees the values of now", () => {
    const supplied = { a: "{{ late }}", b: { now: ["{{ late }}"], c: "{{ c }}" }, c: 5 };
    const schemas: ParameterSchemas = {
      a: { type: "boolean" },
      b: { type: "object" },
      c: { type: "integer" },
    };
    for (const late of [true, false]) {
      const more = { context: { ...context, late } };
      expect(live(schemas, supplied, more)).toEqual({ a: late, b: { now: [late], c: 5 }, c: 5 });
    }
  });
  test("an undefined name is refused, unless a default is given", () => {
    expect(refusal(action, { a: "{{ nope }}" })).toBe("EXPRESSION_UNDEFINED");
    expect(refusal(action, { a: "{{ trigger.nope }}" })).toBe("EXPRESSION_UNDEFINED");
    expect(live(action, { a: "{{ nope | default('x') }}" })).toEqual({ a: "x" });
  });
  test("a template with an error in its syntax is refused", () => {
    expect(refusal(action, { a: "{{ 1 + }}" })).toBe("EXPRESSION_SYNTAX");
  });
});

describe("a template sees parameters under names that", () => {
  const text = { type: "string" } as const;
  test.each<[string, Record<string, string>, string]>([
    [
      "it sets itself on another way",
      {
        host: "db1",
        it: "{% if trigger.absent is defined %}{% set host = trigger.absent %}{% endif %}ssh {{ host }}",
      },
      "ssh db1",
    ],
    [
      "it sets in another branch",
      {
        host: "db1",
        it: "{% if trigger.absent is defined %}{% set host = 1 %}{% else %}{{ host }}{% endif %}",
      },
      "db1",
    ],
    ["functions have", { range: "5", it: "{{ range }}" }, "5"],
    [
      "the context has",
      { st2kv: "mine", it: "{% if trigger.absent is defined %}{% set st2kv = 1 %}{% endif %}{{ st2kv }}" },
      "mine",
    ],
  ])("%s", (_, supplied, rendered) => {
    const action = Object.fromEntries(Object.keys(supplied).map((name) => [name, text]));
    expect(live(action, supplied)).toMatchObject({ it: rendered });
    const { it: standard = "", ...others } = supplied;
    expect(live({ ...action, it: { type: "string", default: standard } }, others)).toMatchObject({
      it: rendered,
    });
  });
});

describe("validation", () => {
  test.each<[string, ParameterSchemas, Record<string, unknown>, string]>([
    ["unknown", { a: { type: "string" } }, { b: 1 }, "PARAMETER_UNKNOWN"],
    ["missing", { a: { type: "string", required: true } }, {}, "PARAMETER_MISSING"],
    ["required and null", { a: { type: "string", required: true } }, { a: null }, "PARAMETER_INVALID"],
    ["optional and null", { a: { type: "string" } }, { a: null }, "none"],
    ["required with a default", { a: { type: "string", required: true, default: "x" } }, {}, "none"],
    ["enum", { a: { type: "string", enum: ["x", "y"] } }, { a: "z" }, "PARAMETER_INVALID"],
    ["enum met", { a: { type: "string", enum: ["x", "y"] } }, { a: "y" }, "none"],
    ["minimum", { a: { type: "integer", minimum: 5 } }, { a: 4 }, "PARAMETER_INVALID"],
    [
      "exclusive minimum",
      { a: { type: "integer", minimum: 5, exclusiveMinimum: true } },
      { a: 5 },
      "PARAMETER_INVALID",
    ],
    ["true is no integer choice", { a: { enum: [1], type: "boolean" } }, { a: true }, "PARAMETER_INVALID"],
    ["pattern", { a: { type: "string", pattern: "^\\d+$" } }, { a: "1x" }, "PARAMETER_INVALID"],
    ["format is never enforced", { a: { type: "string", format: "date-time" } }, { a: "x" }, "none"],
    ["items", { a: { type: "array", items: { type: "integer" } } }, { a: [1, "x"] }, "PARAMETER_INVALID"],
    [
      "true among integers",
      { a: { type: "array", items: { type: "integer" } } },
      { a: [true] },
      "PARAMETER_INVALID",
    ],
    ["unique items", { a: { type: "array", uniqueItems: true } }, { a: [1, 1] }, "PARAMETER_INVALID"],
    [
      "nested required",
      { a: { type: "object", properties: { x: { type: "string", required: true } } } },
      { a: {} },
      "PARAMETER_INVALID",
    ],
    [
      "nested default",
      { a: { type: "object", properties: { x: { type: "string", required: true, default: "d" } } } },
      { a: {} },
      "none",
    ],
    [
      "nested unknown",
      { a: { type: "object", properties: {}, additionalProperties: false } },
      { a: { y: 1 } },
      "PARAMETER_INVALID",
    ],
    ["anyOf", { a: { anyOf: [{ type: "string" }, { type: "integer" }] } }, { a: [] }, "PARAMETER_INVALID"],
    ["anyOf met", { a: { anyOf: [{ type: "string" }, { type: "integer" }] } }, { a: 5 }, "none"],
    ["an empty definition takes anything", { a: {} }, { a: [1, { b: 2 }] }, "none"],
    ["names of JavaScript are unknown", { a: { type: "string" } }, { constructor: "x" }, "PARAMETER_UNKNOWN"],
  ])("%s", (_name, action, supplied, code) => {
    expect(refusal(action, supplied)).toBe(code);
  });
  test("1.0 is no integer", () => {
    expect(refusal({ a: { type: "array", items: { type: "integer" } } }, { a: [new Float(1)] })).toBe(
      "PARAMETER_INVALID",
    );
  });
  test("an action's words on a runner's parameter are added to the runner's", () => {
    const runner: ParameterSchemas = { cmd: { type: "string" } };
    expect(refusal({ cmd: { required: true } }, {}, { runner })).toBe("PARAMETER_MISSING");
    expect(live({ cmd: { description: "x" } }, { cmd: "{{ trigger.n }}" }, { runner })).toEqual({ cmd: "5" });
  });
  test("a secret's value is not told", () => {
    const action: ParameterSchemas = {
      a: { type: "string", secret: true, enum: ["x"] },
      o: { type: "object", properties: { s: { type: "integer", secret: true } } },
    };
    const refuse = () => resolveValues(input(action, { a: "hunter2", o: { s: "swordfish" } }));
    expect(refuse).toThrow(/^(?!.*(?:hunter2|swordfish)).*'a'.*'o.s'/s);
  });
  test.each<[string, ParameterSchemas]>([
    [
      "of an object with a secret in it",
      { o: { type: "object", minProperties: 3, properties: { s: secret } } },
    ],
    ["of a list of secrets", { o: { type: "array", minItems: 9, items: secret } }],
    ["of a choice with a secret", { o: { anyOf: [secret, { type: "integer" }] } }],
    [
      "inside of a secret object",
      { o: { type: "object", secret: true, properties: { s: { type: "integer" } } } },
    ],
    ["under a pattern of names", { o: { type: "object", patternProperties: { ".*": secret } } }],
    ["of all further properties", { o: { type: "object", additionalProperties: secret } }],
    ["behind a reference", { o: { $ref: "#/properties/other" }, other: secret }],
  ])("the value %s is not told", (_, action) => {
    for (const value of [{ s: "hunter2" }, ["hunter2"], "hunter2"]) {
      const refuse = () => resolveValues(input(action, { o: value }));
      try {
        refuse();
      } catch (error) {
        expect(String(error)).not.toContain("hunter2");
      }
    }
    expect(() => resolveValues(input(action, { o: { s: "hunter2" } }))).toThrow();
  });
  test("a template that fails over a secret does not quote it", () => {
    const action: ParameterSchemas = {
      password: { type: "string", secret: true },
      length: { type: "string" },
    };
    for (const supplied of [
      { password: "hunter2", length: "{{ password | nosuchfilter }}" },
      { password: "hunter2", length: "{{ password | int + 'x' | from_json_string }}" },
      { password: "{{ ('hunter2' | from_json_string) }}" },
      { password: "{{ 'hunter2' + 1 }}" },
    ]) {
      const refuse = () => resolveValues(input(action, supplied));
      expect(refuse).toThrow(/^(?!.*hunter2).*parameter '(length|password)'/s);
    }
  });
  test("nor one that it reads only because it did not set it itself, or in the place of a function", () => {
    const action: ParameterSchemas = {
      password: { type: "string", secret: true, default: "hunter2" },
      range: { type: "string", secret: true },
      q: { type: "string" },
      port: { type: "string" },
    };
    const either =
      "{% if trigger.absent is defined %}{% set password = 1 %}{% endif %}{{ trigger[password] }}";
    for (const supplied of [
      { q: "{{ r }}", r: "r", port: either },
      { port: either, password: "hunter2" },
      { range: "hunter2", port: "{{ trigger[range] }}" },
    ]) {
      expect(() => resolveValues(input({ ...action, r: {} }, supplied))).toThrow(
        /^(?!.*hunter2).*parameter 'port': its template cannot be rendered/s,
      );
    }
  });
  test("nor a secret that came by way of another parameter", () => {
    const datastore = datastoreContext({ system: () => "SEALED", unseal: () => "hunter2" });
    const text = { type: "string" } as const;
    const action: ParameterSchemas = {
      x: text,
      y: text,
      z: text,
      password: { type: "string", secret: true },
    };
    const more = { context: { ...context, st2kv: datastore } };
    const x = "{{ st2kv.system.token | decrypt_kv }}";
    for (const supplied of [
      { x, y: "{{ trigger[x] }}" },
      { x, y: "{{ x }}", z: "{{ trigger[y] }}" },
      { password: "hunter2", y: "{{ password }}", z: "{{ trigger[y] }}" },
    ]) {
      expect(() => resolveValues(input(action, supplied, more))).toThrow(
        /^(?!.*hunter2).*parameter '[yz]': its template cannot be rendered/s,
      );
    }
  });
  test("several errors are told together, and no value of a cast is shown", () => {
    const action: ParameterSchemas = {
      a: { type: "string", enum: ["x"] },
      b: { type: "integer", minimum: 5 },
    };
    expect(() => resolveValues(input(action, { a: "q", b: 1 }))).toThrow(/'a'.*'b'/s);
    expect(() => resolveValues(input({ a: { type: "integer" } }, { a: "hunter2" }))).toThrow(
      /^(?!.*hunter2)/s,
    );
  });
});

test("plain JSON for the wire", () => {
  const action: ParameterSchemas = { n: { type: "number" }, l: { type: "array" } };
  const resolved = resolveParameters(
    input(action, { n: "5", l: "[1, 2.0]" }, { runner: { t: { type: "integer", default: 60 } } }),
  );
  expect(resolved).toEqual({ runner_parameters: { t: 60 }, parameters: { n: 5, l: [1, 2] } });
  expect(resolved.parameters.n).toBe(5);
});
