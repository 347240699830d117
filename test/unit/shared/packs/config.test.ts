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

/** As StackStorm's config loader fills them in: items of lists, properties by pattern, any other property. */
const nested = {
  accounts: {
    type: "array",
    items: {
      type: "object",
      properties: { name: { type: "string" }, secure: { type: "boolean", default: true } },
    },
  },
  mirrors: {
    type: "object",
    patternProperties: {
      "^[a-z]+$": { type: "object", properties: { weight: { type: "number", default: 1 } } },
    },
    additionalProperties: false,
  },
  zones: {
    type: "object",
    properties: { eu: { type: "object", properties: { ttl: { type: "integer", default: 10 } } } },
    additionalProperties: { type: "object", properties: { ttl: { type: "integer", default: 20 } } },
  },
  guarded: {
    type: "object",
    patternProperties: {
      "^(?!local)": { type: "object", properties: { port: { type: "integer", default: 22 } } },
      "^b": { type: "object", properties: { port: { type: "integer", default: 23 } } },
    },
    additionalProperties: { type: "object", properties: { port: { type: "integer", default: 24 } } },
  },
  pair: {
    type: "array",
    items: [{ type: "string" }, { type: "object", properties: { port: { type: "integer", default: 80 } } }],
    additionalItems: { type: "object", properties: { port: { type: "integer", default: 81 } } },
  },
} as unknown as ParameterSchemas;

const nestedRows: readonly (readonly [string, JsonObject, JsonObject])[] = [
  ["what is not there stays away, but for objects with properties", {}, { zones: { eu: { ttl: 10 } } }],
  [
    "items of a list",
    { accounts: [{ name: "a" }, { name: "b", secure: false }, { name: "c", secure: null }] },
    {
      accounts: [
        { name: "a", secure: true },
        { name: "b", secure: false },
        { name: "c", secure: true },
      ],
      zones: { eu: { ttl: 10 } },
    },
  ],
  [
    "properties by pattern",
    { mirrors: { alpha: {}, "7": {} } },
    { mirrors: { alpha: { weight: 1 }, "7": {} }, zones: { eu: { ttl: 10 } } },
  ],
  [
    "nothing by a pattern that is not read here, nor by what holds where none fits",
    { guarded: { local: {}, b: {} } },
    { guarded: { local: {}, b: { port: 23 } }, zones: { eu: { ttl: 10 } } },
  ],
  [
    "any other property",
    { zones: { us: {}, asia: { ttl: 1 } } },
    { zones: { eu: { ttl: 10 }, us: { ttl: 20 }, asia: { ttl: 1 } } },
  ],
  [
    "items by their place, and those after",
    { pair: ["a", {}, {}] },
    { pair: ["a", { port: 80 }, { port: 81 }], zones: { eu: { ttl: 10 } } },
  ],
];

describe("defaults within", () => {
  test.for(nestedRows)("%s", ([, operator, effective]) => {
    expect(effectiveConfig({ config_schema: nested, legacy_config: {} }, operator)).toEqual(effective);
  });
});

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
