/** The schema of pack `watch`'s configuration is taken as sound by each start: here it is looked at. */
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { readSettings, settingsSchema } from "../../../../shared/watch/settings.ts";

test("the schema of the configuration is one", () => {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  expect(ajv.validateSchema(settingsSchema), ajv.errorsText()).toBe(true);
});

test("every fault of a configuration is named", () => {
  const wrong = { paths: [{ path: "/etc", depth: "x" }], settle_ms: -1, other: 1 };
  expect(() => readSettings(wrong)).toThrow(/paths\.0\.depth must be integer/);
  expect(() => readSettings(wrong)).toThrow(/settle_ms must be >= 0/);
  expect(() => readSettings(wrong)).toThrow(/\(other\)/);
});
