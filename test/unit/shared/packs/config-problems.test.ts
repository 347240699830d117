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
  ["what is required may not be missing", {}, ["configuration: 'host' is missing"]],
  ["nor null", { host: null }, ["configuration: 'host' is missing"]],
  [
    "a template fits any type",
    { ...host, port: "{{ st2kv.system.port }}", level: "{% if x %}low{% endif %}" },
    [],
  ],
  ["a format is never enforced", { ...host, when: "tomorrow" }, []],
  [
    "true is no whole number",
    { ...host, port: true },
    ["configuration (port): 'port' must be a whole number; it is the boolean true"],
  ],
  [
    "an exclusive maximum is out",
    { ...host, port: 65536 },
    ["configuration (port): 'port' must be < 65536; it is 65536"],
  ],
  ["an enum", { ...host, level: "lo" }, [`configuration (level): 'level' may not be "lo"`]],
  ["a pattern", { ...host, name: "A1" }, [`configuration (name): 'name' may not be "A1"`]],
  [
    "a secret is not shown",
    { ...host, token: 12345 },
    ["configuration (token): 'token' must be text; it is of another type"],
  ],
  [
    "inside of maps and lists",
    { ...host, watch: { depth: "x", far: 1 }, list: [{ id: 1 }, { id: "2" }] },
    [
      "configuration (watch): 'path' is missing",
      "configuration (watch.far): unknown field 'far'",
      `configuration (watch.depth): 'watch.depth' must be a whole number; it is the string "x"`,
      `configuration (list.1.id): 'list.1.id' must be a whole number; it is the string "2"`,
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
