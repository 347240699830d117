/** Configurations against their schema, by StackStorm's rules for parameter schemas. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/json.ts";
import type { ParameterSchemas } from "../../../../shared/model/pack.ts";
import { configProblems } from "../../../../shared/packs/config-problems.ts";

const schema: ParameterSchemas = {
  host: { type: "string", required: true },
  port: { type: "integer", minimum: 1, maximum: 65536, exclusiveMaximum: true },
  level: { type: "string", enum: ["low", "high"] },
  name: { type: "string", pattern: "^[a-z]+$" },
  token: { type: "string", secret: true },
  when: { type: "string", format: "date-time" },
  watch: {
    type: "object",
    properties: { path: { type: "string", required: true }, depth: { type: "integer" } },
    additionalProperties: false,
  },
  list: { type: "array", items: { type: "object", properties: { id: { type: "integer", required: true } } } },
};

const host = { host: "a" };
const rows: readonly (readonly [string, JsonObject, readonly string[]])[] = [
  ["all well", { host: "a", port: 80, level: "low", watch: { path: "/" }, list: [{ id: 1 }] }, []],
  ["attributes that nobody describes", { ...host, other: [1] }, []],
  [
    "what is optional may be null",
    { ...host, port: null, level: null, watch: { path: "/", depth: null } },
    [],
  ],
  ["what is required may not be missing", {}, ["config: 'host' is a required property"]],
  ["nor null", { host: null }, ["config (host): None is not of type 'string'"]],
  [
    "a template fits any type",
    { ...host, port: "{{ st2kv.system.port }}", level: "{% if x %}low{% endif %}" },
    [],
  ],
  ["a format is never enforced", { ...host, when: "tomorrow" }, []],
  ["true is no whole number", { ...host, port: true }, ["config (port): True is not of type 'integer'"]],
  [
    "an exclusive maximum is out",
    { ...host, port: 65536 },
    ["config (port): 65536 is greater than or equal to the maximum of 65536"],
  ],
  ["an enum", { ...host, level: "lo" }, ["config (level): 'lo' is not one of ['low', 'high']"]],
  ["a pattern", { ...host, name: "A1" }, ["config (name): 'A1' does not match '^[a-z]+$'"]],
  ["a secret is not shown", { ...host, token: 12345 }, ["config (token): ******** is not of type 'string'"]],
  [
    "inside of maps and lists",
    { ...host, watch: { depth: "x", far: 1 }, list: [{ id: 1 }, { id: "2" }] },
    [
      "config (watch): 'path' is a required property",
      "config (watch.depth): 'x' is not of type 'integer'",
      "config (watch): Additional properties are not allowed ('far' was unexpected)",
      "config (list.1.id): '2' is not of type 'integer'",
    ],
  ],
];

describe("a whole configuration", () => {
  test.for(rows)("%s", ([, config, expected]) => {
    const problems = configProblems({ schema, config, complete: true });
    expect(problems.map(({ where, message }) => `${where}: ${message}`)).toEqual(expected);
    expect(problems.every(({ code, severity }) => code === "PACK_CONFIG" && severity === "error")).toBe(true);
  });
});

test("one layer of several need not have what is required", () => {
  expect(configProblems({ schema, config: { watch: { depth: 1 } } })).toEqual([]);
});

test("a pattern that takes exponential time elsewhere takes none here", () => {
  const evil: ParameterSchemas = { name: { type: "string", pattern: "^(a+)+$" } };
  const problems = configProblems({ schema: evil, config: { name: `${"a".repeat(50_000)}!` } });
  expect(problems).toHaveLength(1);
});
