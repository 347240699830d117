import fc from "fast-check";
import { expect, test } from "vitest";
import { PetrelError } from "../../../shared/errors.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { surelyFits } from "../../../shared/schema-fit.ts";
import { checksWith } from "../../../shared/validation.ts";
import { readSettings } from "../../../shared/watch/read-settings.ts";
import { settingsSchema, settingsThatFit } from "../../../shared/watch/settings.ts";

const ajv = checksWith({ allErrors: true, allowUnionTypes: true });

/** Of so many characters behind the first, each of two halves. */
const bird = (count: number) => `/${"\u{1f426}".repeat(count)}`;

/** Right values, wrong ones, and ones at the edge, for each place of a configuration. */
const odd = fc.constantFrom<unknown>(
  null,
  true,
  -1,
  0,
  1,
  1.5,
  101,
  1_000,
  1_001,
  "",
  "sha256",
  "high",
  "auto",
  [],
  {},
  [null],
  ["a", "a"],
  ["mode", "uid"],
  [{}],
);
const entryNames = Object.keys(settingsSchema.properties.paths.items.properties);
const entry = fc.oneof(
  odd,
  fc.record(
    {
      path: fc.oneof(
        fc.constantFrom(
          "/etc",
          "/",
          "etc",
          bird(4_095),
          bird(4_096),
          `/${"x".repeat(4_095)}`,
          `/${"x".repeat(4_096)}`,
        ),
        odd,
      ),
      include: fc.oneof(fc.array(fc.string(), { maxLength: 3 }), odd),
      attributes: fc.oneof(fc.array(fc.constantFrom("mode", "uid", "size", "x"), { maxLength: 3 }), odd),
      tags: fc.oneof(fc.array(fc.string({ maxLength: 2 }), { maxLength: 3 }), odd),
      ...Object.fromEntries(
        ["depth", "digest", "severity", "diff", "diff_max_bytes"].map((name) => [name, odd]),
      ),
    },
    { requiredKeys: [] },
  ),
  fc.dictionary(fc.constantFrom("path", "x", "toString", "__proto__", ...entryNames), odd, { maxKeys: 3 }),
);
/** Right but for one place at the most, where anything may be. */
const path = fc.constantFrom(
  "/etc",
  "etc",
  bird(4_095),
  bird(4_096),
  `/${"x".repeat(4_095)}`,
  `/${"x".repeat(4_096)}`,
);
const right = { path: "/etc", tags: ["a"], attributes: ["mode"], depth: 3 };
const almost = fc.oneof(
  path.map((at) => ({ paths: [{ ...right, path: at }], who: "off" })),
  fc
    .tuple(fc.constantFrom(...entryNames, "x"), odd)
    .map(([name, value]) => ({ paths: [{ ...right, [name]: value }] })),
  fc
    .tuple(fc.constantFrom(...Object.keys(settingsSchema.properties), "x"), odd)
    .map(([name, value]) => ({ paths: [right], [name]: value })),
);
const config = fc.oneof(
  almost,
  fc.record(
    { paths: fc.oneof(fc.array(entry, { maxLength: 2 }), odd), who: odd, settle_ms: odd },
    { requiredKeys: [] },
  ),
);

test("it says of a configuration of the watching sensor what ajv says", () => {
  const check = ajv(settingsSchema);
  const seen = { yes: 0, no: 0 };
  fc.assert(
    fc.property(config, (made) => {
      const data = JSON.parse(JSON.stringify(made)) as unknown;
      const fits = surelyFits(settingsSchema, data);
      seen[fits ? "yes" : "no"]++;
      expect(fits).toBe(check(data));
    }),
    { numRuns: 3_000 },
  );
  expect(seen.yes).toBeGreaterThan(50);
  expect(seen.no).toBeGreaterThan(50);
});

test("what is not understood surely fits nothing", () => {
  expect(surelyFits({ type: "string", format: "date" }, "2026-11-30")).toBe(false);
  expect(surelyFits({ items: { $ref: "#" } }, [1])).toBe(false);
  expect(surelyFits({ type: "text" }, "x")).toBe(false);
  expect(surelyFits({ enum: [{ a: 1 }] }, { a: 1 })).toBe(false);
  expect(surelyFits({ uniqueItems: true }, [{}])).toBe(false);
  expect(surelyFits({ additionalProperties: { type: "string" } }, {})).toBe(false);
  expect(surelyFits({ properties: {}, additionalProperties: { type: "string" } }, {})).toBe(false);
  expect(surelyFits(true, 1)).toBe(false);
});

test("a list may be as long as its schema says", () => {
  expect(surelyFits({ maxItems: 2 }, [1, 2])).toBe(true);
  expect(surelyFits({ maxItems: 2 }, [1, 2, 3])).toBe(false);
});

test("settings that fit are those that are read with ajv, and a wrong one is told by it", () => {
  const right: JsonObject = {
    profiles: ["linux-server"],
    paths: [{ path: "/srv/../srv/app", exclude: ["*.log"], tags: ["a"], severity: "high", depth: 3 }],
    settle_ms: 700,
  };
  // Globs are functions.
  expect(JSON.stringify(settingsThatFit(right))).toBe(JSON.stringify(readSettings(right)));
  expect(settingsThatFit({ paths: [{ path: "etc" }] })).toBeNull();
  expect(() => settingsThatFit({ profiles: ["linux-servr"] })).toThrow(PetrelError);
});
