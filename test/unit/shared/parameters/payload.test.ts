import { expect, test } from "vitest";
import { Float } from "../../../../shared/expressions/python/values.ts";
import { payloadProblems } from "../../../../shared/parameters/payload.ts";

const schema = {
  type: "object",
  properties: {
    path: { type: "string", required: true },
    size: { type: "integer" },
    tags: { type: "array", items: { type: "string" } },
    user: { type: "object", properties: { name: { type: "string", required: true } } },
    status: { type: "string", enum: ["created", "deleted"] },
  },
};
test.each<[string, unknown, readonly string[]]>([
  ["fits", { path: "/a", size: 5, tags: ["a"], user: { name: "x" }, status: "created", extra: 1 }, []],
  ["optional keys may be null", { path: "/a", size: null, tags: null, user: null }, []],
  ["a required key is missing", {}, ["'path' is a required property"]],
  ["a required key is null", { path: null }, ["path: None is not of type 'string'"]],
  [
    "wrong types",
    { path: 5, size: "x", tags: ["a", 1] },
    [
      "path: 5 is not of type 'string'",
      "size: 'x' is not of type 'integer', 'null'",
      "tags.1: 1 is not of type 'string'",
    ],
  ],
  [
    "a float is no integer",
    { path: "/a", size: new Float(5) },
    ["size: 5.0 is not of type 'integer', 'null'"],
  ],
  ["true is no integer", { path: "/a", size: true }, ["size: True is not of type 'integer', 'null'"]],
  ["nested", { path: "/a", user: {} }, ["user: 'name' is a required property"]],
  ["enum", { path: "/a", status: "gone" }, ["status: 'gone' is not one of ['created', 'deleted']"]],
  ["no object", null, ["None is not of type 'object'"]],
  ["a list", [1], ["[1] is not of type 'object'"]],
])("%s", (_name, payload, problems) => {
  expect(payloadProblems(schema, payload)).toEqual(problems);
});

test("an empty schema takes anything", () => {
  expect(payloadProblems({}, null)).toEqual([]);
  expect(payloadProblems({}, [1])).toEqual([]);
});
test("undeclared keys are refused only when the schema says so", () => {
  expect(payloadProblems({ type: "object", properties: {}, additionalProperties: false }, { a: 1 })).toEqual([
    "Additional properties are not allowed ('a' was unexpected)",
  ]);
});
test("the payload itself is left as it was", () => {
  const payload = { a: {} };
  payloadProblems(
    {
      type: "object",
      properties: { a: { type: "object", properties: { b: { default: 1 } } }, c: { default: 2 } },
    },
    payload,
  );
  expect(payload).toEqual({ a: {} });
});
test("references and draft 4's combinations", () => {
  const referring = {
    type: "object",
    definitions: { port: { type: "integer", maximum: 65535 } },
    properties: {
      port: { $ref: "#/definitions/port" },
      either: { oneOf: [{ type: "string" }, { type: "integer" }] },
    },
  };
  expect(payloadProblems(referring, { port: 80, either: "x" })).toEqual([]);
  expect(payloadProblems(referring, { port: 70000, either: [] })).toHaveLength(2);
});
