/** A value held to its schema: what is told, in which order, and of which place. */
import { describe, expect, test } from "vitest";
import { Dict } from "../../../../shared/expressions/python/values.ts";
import { payloadProblems } from "../../../../shared/parameters/payload.ts";
import { plainOracle } from "../../../../shared/parameters/plain-oracle.ts";
import { withDefaults } from "../../../../shared/parameters/schema.ts";
import { checkValue } from "../../../../shared/parameters/value-check.ts";

const told = (schema: unknown, value: unknown) =>
  checkValue(schema, value, { regex: plainOracle }).map(
    ({ path, keyword, message }) => `${path.join("/")} ${keyword}: ${message}`,
  );

describe("problems", () => {
  test("come in the order of the schema, each with its place", () => {
    const schema = {
      type: "object",
      properties: {
        list: { type: "array", minItems: 3, items: { type: "integer", minimum: 2 } },
        gone: { required: true },
        deep: { properties: { name: { enum: ["a"] } }, additionalProperties: false },
      },
      patternProperties: { "^x": { type: "string" } },
      additionalProperties: { type: "boolean" },
      maxProperties: 1,
    };
    const value = { list: [1, "b"], deep: { name: "c", more: 1 }, x1: 5, other: "t", fine: true };
    expect(told(schema, value)).toEqual([
      "list minItems: [1, 'b'] is too short",
      "list/0 minimum: 1 is less than the minimum of 2",
      "list/1 type: 'b' is not of type 'integer'",
      " required: 'gone' is a required property",
      "deep/name enum: 'c' is not one of ['a']",
      "deep additionalProperties: Additional properties are not allowed ('more' was unexpected)",
      "x1 type: 5 is not of type 'string'",
      "other type: 't' is not of type 'boolean'",
      ` maxProperties: {'list': [1, 'b'], 'deep': {'name': 'c', 'more': 1}, 'x1': 5, 'other': 't', 'fine': True} has too many properties`,
    ]);
  });

  test("of a choice that was tried are not told, and those before it stay", () => {
    const schema = {
      properties: {
        a: { type: "integer" },
        b: { anyOf: [{ type: "integer" }, { type: "string" }] },
        c: { oneOf: [{ type: "integer" }, { minimum: 0 }] },
        d: { not: { type: "string" } },
      },
    };
    expect(told(schema, { a: "x", b: "fits", c: 1, d: "no" })).toEqual([
      "a type: 'x' is not of type 'integer'",
      "c oneOf: 1 is valid under more than one of the given schemas",
      "d not: 'no' is not allowed",
    ]);
  });

  test("of a value with keys of any type name them as texts", () => {
    const value = Dict.of([
      [1, "one"],
      ["b", 2],
    ]);
    expect(told({ properties: { b: { type: "string" } }, additionalProperties: false }, value)).toEqual([
      "b type: 2 is not of type 'string'",
      " additionalProperties: Additional properties are not allowed ('1' was unexpected)",
    ]);
  });

  test("show nothing that is secret, however deep it stands below what is called so", () => {
    const schema = {
      properties: { key: { secret: true, items: { properties: { n: { type: "integer" } } } } },
    };
    expect(told(schema, { key: [{ n: "hunter2" }] })).toEqual([
      "key/0/n type: ******** is not of type 'integer'",
    ]);
  });
});

describe("defaults", () => {
  const schema = {
    properties: {
      a: { default: null, required: true },
      b: { properties: { c: { default: 3 } }, type: "object" },
    },
  };

  test("leave a value that lacks nothing as it is", () => {
    const value = { b: { c: 1 }, a: 2, more: [] };
    expect(withDefaults(schema, value)).toBe(value);
  });

  test("stand where a key is missing or null, behind what is there; one that is null, too", () => {
    const value = { b: { c: null, d: 1 } };
    expect(JSON.stringify(withDefaults(schema, value))).toBe('{"b":{"c":3,"d":1},"a":null}');
    expect(value).toEqual({ b: { c: null, d: 1 } });
    expect(payloadProblems({ type: "object", ...schema }, {})).toEqual([]);
  });
});
