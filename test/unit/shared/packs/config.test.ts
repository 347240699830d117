/** The layers of a pack's configuration. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/json.ts";
import type { ParameterSchemas } from "../../../../shared/model/pack.ts";
import { effectiveConfig } from "../../../../shared/packs/config.ts";

const config_schema: ParameterSchemas = {
  log: { type: "string" },
  level: { type: "string", default: "info" },
  sensor: {
    type: "object",
    properties: { directories: { type: "array", default: [] }, depth: { type: "integer", default: 3 } },
  },
};

const rows: readonly (readonly [string, JsonObject, JsonObject, JsonObject])[] = [
  ["defaults alone", {}, {}, { level: "info", sensor: { directories: [], depth: 3 } }],
  [
    "the pack's own file lies over the defaults",
    { level: "debug", sensor: { depth: 1 } },
    {},
    { level: "debug", sensor: { depth: 1, directories: [] } },
  ],
  [
    "the operator lies over the pack's own file, map by map",
    { log: "/a", sensor: { directories: ["/x"], depth: 1 } },
    { sensor: { directories: ["/y", "/z"] } },
    { log: "/a", level: "info", sensor: { directories: ["/y", "/z"], depth: 1 } },
  ],
  [
    "null takes nothing away, and leaves room for the default",
    { log: "/a" },
    { log: null, level: null },
    { log: "/a", level: "info", sensor: { directories: [], depth: 3 } },
  ],
  [
    "attributes that no schema knows are kept",
    { old: 1 },
    { new: { a: [1] } },
    { old: 1, new: { a: [1] }, level: "info", sensor: { directories: [], depth: 3 } },
  ],
  [
    "a map gives way to what is no map",
    { old: { a: 1 } },
    { old: "text" },
    { old: "text", level: "info", sensor: { directories: [], depth: 3 } },
  ],
];

describe("effective configuration", () => {
  test.for(rows)("%s", ([, legacy_config, operator, effective]) => {
    expect(effectiveConfig({ config_schema, legacy_config }, operator)).toEqual(effective);
  });

  test("a key named __proto__ is an ordinary key", () => {
    const hostile = JSON.parse('{"__proto__": {"polluted": true}}') as JsonObject;
    const effective = effectiveConfig({ config_schema: {}, legacy_config: {} }, hostile);
    expect(Object.keys(effective)).toEqual(["__proto__"]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
