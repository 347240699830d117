import { expect, test } from "vitest";
import { readSettings } from "../../../../shared/watch/read-settings.ts";

test("every fault of a configuration is named", () => {
  const wrong = { paths: [{ path: "/etc", depth: "x" }], settle_ms: -1, other: 1 };
  expect(() => readSettings(wrong)).toThrow(/paths\.0\.depth must be integer/);
  expect(() => readSettings(wrong)).toThrow(/settle_ms must be >= 0/);
  expect(() => readSettings(wrong)).toThrow(/\(other\)/);
});
