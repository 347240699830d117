import { expect, test } from "vitest";
import { versionSkew } from "../../../shared/version-skew.ts";

test.each([
  ["1.2.0", "1.2.0", null],
  ["1.2.0+build", "1.2.0", null],
  ["1.2.3", "1.2.9", "older"],
  ["1.2.9", "1.3.0", "older"],
  ["1.3.0", "1.2.9", "newer"],
  ["1.3.0-rc.1", "1.3.0", "older"],
  ["1.1.9", "1.3.0", "much_older"],
  ["1.4.0", "1.2.0", "much_newer"],
  ["1.9.0", "1.10.0", "older"],
  ["1.7.3", "2.0.0", "older"],
  ["1.7.3", "2.1.0", "much_older"],
  ["3.0.0", "1.9.0", "much_newer"],
  ["0", "1.0.0", null],
  [null, "1.0.0", null],
] as const)("%s beside %s is %s", (other, own, skew) => {
  expect(versionSkew(other, own)).toBe(skew);
});
