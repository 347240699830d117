import { describe, expect, it } from "vitest";
import { plainJson } from "../../../../../agent/actions/runners/plain-json.ts";

const circle: Record<string, unknown> = { name: "ring" };
circle.self = circle;
const shared = { a: 1 };

const rows: readonly [string, unknown, unknown, boolean][] = [
  ["plain values", { a: [1, "b", null, true] }, { a: [1, "b", null, true] }, false],
  ["nothing", undefined, null, false],
  ["undefined in objects and lists", { a: undefined, b: [undefined] }, { b: [null] }, false],
  ["dates, by their own toJSON", new Date(0), "1970-01-01T00:00:00.000Z", false],
  ["the same object twice", [shared, shared], [{ a: 1 }, { a: 1 }], false],
  ["sets", new Set([1, 2]), [1, 2], true],
  ["maps", new Map([[1, "a"]]), { "1": "a" }, true],
  ["huge integers", 2n ** 64n, "18446744073709551616", true],
  ["numbers JSON lacks", [Number.NaN, Number.POSITIVE_INFINITY], ["NaN", "Infinity"], true],
  ["bytes", new TextEncoder().encode("hé"), "hé", true],
  ["errors", new TypeError("bad"), "TypeError: bad", true],
  ["cycles", circle, { name: "ring", self: "[circular]" }, true],
  ["functions", { f: Math.max }, { f: String(Math.max) }, true],
];

function nested(levels: number): unknown {
  return Array.from({ length: levels - 1 }).reduce((inner) => [inner], []);
}

describe("a result as JSON", () => {
  it("has at most 100 levels", () => {
    expect(plainJson(nested(100)).converted).toBe(false);
    expect(() => plainJson(nested(101))).toThrow("nested more than 100 levels");
  });

  it.each(rows)("%s", (_what, input, value, converted) => {
    expect(plainJson(input)).toEqual({ value, converted });
  });
});
