import { describe, expect, test } from "vitest";
import type { ParameterSchemas } from "../../../../shared/model/pack.ts";
import { checkParameters, checkTriggerParameters } from "../../../../shared/rules/check-parameters.ts";

const parameters: ParameterSchemas = {
  message: { type: "string", required: true },
  count: { type: "integer", default: 1 },
  hosts: { type: "array", items: { type: "string" } },
  options: { type: "object", properties: { depth: { type: "integer" } }, additionalProperties: false },
  level: { type: "string", enum: ["info", "error"] },
  token: { type: "string", secret: true, maxLength: 3 },
  fixed: { type: "string", default: "x", immutable: true },
  from_store: { type: "integer", default: "{{ st2kv.system.n }}" },
};
const action = { runner_type: "noop", parameters };

const found = (given: Record<string, unknown>) =>
  checkParameters({ ref: "a.b", parameters: given }, action).map(
    ({ code, path, message, hint, severity }) => {
      expect(severity).toBe("warning");
      return [code, path.join("."), message, hint];
    },
  );

describe("what a rule gives to its action", () => {
  test.each<[string, Record<string, unknown>]>([
    ["constants of the right type", { message: "hi", count: 3, hosts: ["a"], options: { depth: 1 } }],
    ["texts that are cast", { message: "hi", count: "3", hosts: '["a"]', options: '{"depth": 1}' }],
    [
      "templates, wherever they stand",
      { message: "{{ trigger.m }}", count: "{{ trigger.n }}", hosts: ["{{ x }}"] },
    ],
    ["templates inside", { message: "m", options: { depth: "{{ trigger.d }}" }, level: "{{ trigger.l }}" }],
    ["keys that are templates", { message: "m", options: { "{{ trigger.k }}": 1 } }],
    ["null for what may be left out", { message: "m", count: null, hosts: null }],
  ])("is right: %s", (_what, given) => {
    expect(found(given)).toEqual([]);
  });

  test.each<[string, Record<string, unknown>, unknown[][]]>([
    [
      "a misspelled name",
      { mesage: "hi" },
      [
        [
          "PARAMETER_UNKNOWN",
          "action.parameters.mesage",
          "action a.b has no parameter 'mesage'",
          "write 'message'",
        ],
        [
          "PARAMETER_MISSING",
          "action.parameters",
          "action a.b needs parameter 'message', and this rule does not give it",
          "add 'message'",
        ],
      ],
    ],
    [
      "a constant that cannot be cast",
      { message: "m", count: "many" },
      [
        [
          "PARAMETER_INVALID",
          "action.parameters.count",
          "parameter 'count' cannot be read as integer: it is a str that does not fit",
          "give a value of type integer",
        ],
      ],
    ],
    [
      "a constant of a wrong type",
      { message: 5 },
      [
        [
          "PARAMETER_INVALID",
          "action.parameters.message",
          "parameter 'message' cannot be read as string: it is a int that does not fit",
          "give a value of type string",
        ],
      ],
    ],
    [
      "a part inside",
      { message: "m", options: { deep: 1, depth: "{{ trigger.d }}" } },
      [
        [
          "PARAMETER_INVALID",
          "action.parameters.options",
          expect.stringContaining("deep"),
          "`petrel action get a.b` shows what it takes",
        ],
      ],
    ],
    [
      "a value that is none of the choices",
      { message: "m", level: "warn" },
      [
        [
          "PARAMETER_INVALID",
          "action.parameters.level",
          expect.stringContaining("level"),
          expect.any(String),
        ],
      ],
    ],
    [
      "what may not be given",
      { message: "m", fixed: "y" },
      [
        [
          "PARAMETER_IMMUTABLE",
          "action.parameters.fixed",
          "parameter 'fixed' of action a.b may not be given",
          "leave it out",
        ],
      ],
    ],
  ])("is told: %s", (_what, given, problems) => {
    expect(found(given)).toEqual(problems);
  });

  test("is told without the value of a secret", () => {
    const [[, path, message] = []] = found({ message: "m", token: "hunter2" });
    expect(path).toBe("action.parameters.token");
    expect(message).not.toContain("hunter2");
  });

  test("may be what the runner takes", () => {
    const shell = { runner_type: "local-shell-cmd", parameters: {} };
    const check = (given: Record<string, unknown>) =>
      checkParameters({ ref: "a.b", parameters: given }, shell).map(({ code }) => code);
    expect(check({ cmd: "uptime", timeout: 5 })).toEqual([]);
    expect(check({ cmd: "uptime", timeout: "soon" })).toEqual(["PARAMETER_INVALID"]);
    expect(check({ cmdd: "uptime" })).toContain("PARAMETER_UNKNOWN");
  });

  test("is dropped by an action that takes nothing, and that is told", () => {
    const nothing = { runner_type: "noop", parameters: {} };
    expect(checkParameters({ ref: "core.noop", parameters: { a: 1 } }, nothing)).toMatchObject([
      { code: "PARAMETER_UNKNOWN", hint: "remove it" },
    ]);
  });
});

describe("what a rule gives to its trigger", () => {
  const parameters_schema = {
    type: "object",
    properties: { path: { type: "string", required: true } },
    additionalProperties: false,
  };
  const found = (given: Record<string, string | number>, schema: object = parameters_schema) =>
    checkTriggerParameters({ type: "a.t", parameters: given }, { parameters_schema: { ...schema } });

  test("fits its type's schema, or is told", () => {
    expect(found({ path: "/a" })).toEqual([]);
    expect(found({ pth: 1 }, {})).toEqual([]);
    for (const wrong of [{}, { path: 1 }, { path: "/a", pth: "/b" }]) {
      const [problem] = found(wrong);
      expect(problem).toMatchObject({
        code: "RULE_INVALID",
        severity: "warning",
        path: ["trigger", "parameters"],
      });
      expect(problem?.message).toContain("the parameters of trigger a.t do not fit");
    }
  });
});
