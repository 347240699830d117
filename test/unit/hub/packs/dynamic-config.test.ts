/** Configuration with keys of the datastore in place of templates. */
import { describe, expect, test } from "vitest";
import { AgentConfigs } from "../../../../hub/packs/agent-config.ts";
import { isDynamic, renderedConfig, templateProblems } from "../../../../hub/packs/dynamic-config.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import type { TemplateKeys } from "../../../../shared/expressions/datastore-lookup.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import type { ParameterSchemas } from "../../../../shared/model/pack.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const sealed = `petrel-sealed:1:${"0".repeat(16)}:${"A".repeat(40)}`;
const values: Readonly<Record<string, string>> = { host: "db-1", port: "5432", "a.b": "deep", pw: sealed };
const keys: TemplateKeys = {
  system: (name) => values[name],
  user: (name) => (name === "colour" ? "red" : undefined),
  unseal: (text) => {
    if (text === sealed) return "hunter2";
    throw new PetrelError("KEY_UNREADABLE", "it is not encrypted");
  },
};
const schemas: ParameterSchemas = {
  password: { type: "string", secret: true },
  db: { type: "object", properties: { password: { type: "string", secret: true } } },
  tokens: { type: "array", items: { type: "string", secret: true } },
};
const render = (config: JsonObject) => renderedConfig(schemas, config, keys);

test.each<[string, JsonObject, JsonObject]>([
  ["nothing to render", { a: 1, b: ["x"], c: null }, { a: 1, b: ["x"], c: null }],
  ["text stays text", { port: "{{ st2kv.system.port }}" }, { port: "5432" }],
  [
    "within text",
    { url: "http://{{ st2kv.system.host }}:{{ st2kv.system.port }}/" },
    { url: "http://db-1:5432/" },
  ],
  [
    "a name with dots, and a user's",
    { a: "{{ st2kv.system.a.b }} {{ st2kv.user.colour }}" },
    { a: "deep red" },
  ],
  ["a missing key is null", { a: "{{ st2kv.system.none }}" }, { a: null }],
  ["or its default", { a: "{{ st2kv.system.none | default('x') }}" }, { a: "x" }],
  ["secret attributes are decrypted", { password: "{{ st2kv.system.pw }}" }, { password: "hunter2" }],
  ["at any depth", { db: { password: "{{ st2kv.system.pw }}" } }, { db: { password: "hunter2" } }],
  ["in lists", { tokens: ["{{ st2kv.system.pw }}", "b"] }, { tokens: ["hunter2", "b"] }],
  ["and may be plain", { password: "{{ st2kv.system.host }}" }, { password: "db-1" }],
  ["others by the filter", { a: "{{ st2kv.system.pw | decrypt_kv }}" }, { a: "hunter2" }],
  ["or not at all", { a: "{{ st2kv.system.pw }}" }, { a: sealed }],
])("%s", (_what, config, rendered) => {
  expect(render(config)).toEqual(rendered);
});

describe("what cannot be rendered", () => {
  test("names its attribute", () => {
    const config = { db: { list: [1, "{{ st2kv.system.host + 1 }}"] } };
    expect(() => render(config)).toThrow(/attribute 'db\.list\.1': EXPRESSION_TYPE: .*/);
  });

  test("tells no secret", () => {
    for (const config of [
      { password: "{{ 'hunter2' + 1 }}" },
      { a: "{{ (st2kv.system.pw | decrypt_kv) | int + 'x' }}" },
    ]) {
      expect(() => render(config as unknown as JsonObject)).toThrow("its template cannot be rendered");
      try {
        render(config as unknown as JsonObject);
      } catch (error) {
        expect((error as Error).message).not.toContain("hunter2");
      }
    }
    for (const name of ["host", "none"]) {
      expect(() => render({ a: `{{ st2kv.system.${name} | decrypt_kv }}` })).toThrow("KEY_UNREADABLE");
    }
  });

  test.each<[string, JsonObject, readonly unknown[]]>([
    ["fits", { a: "{{ st2kv.system.x }}", b: 1 }, []],
    ["syntax", { a: { b: ["{{ st2kv. }}"] } }, [["a", "b", 0]]],
    ["another name", { a: "{{ trigger.x }}" }, [["a"]]],
  ])("is refused when it is configured: %s", (_what, config, paths) => {
    expect(templateProblems(config).map(([path]) => path)).toEqual(paths);
  });
});

test("knows which keys it has looked at", () => {
  const configs = new AgentConfigs(keys, "stanley", testSealer());
  const config = { a: "{{ st2kv.system.a.b }} {{ st2kv.user.colour }} {{ st2kv.system.none }}" };
  expect(isDynamic(config)).toBe(true);
  expect(configs.uses("system", "a.b")).toBe(false);
  configs.ofAll({ pack: { config_schema: {} }, config } as never);
  for (const name of ["a.b", "none"]) expect(configs.uses("system", name)).toBe(true);
  expect(configs.uses("user", "stanley:colour")).toBe(true);
  expect(configs.uses("system", "host")).toBe(false);
});
