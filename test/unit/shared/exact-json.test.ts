import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseExact } from "../../../shared/exact-json.ts";

describe("numbers that JavaScript cannot hold", () => {
  test.each([
    ["1764350000123456789", "1764350000123456789"],
    ["-9007199254740993", "-9007199254740993"],
    ["9007199254740992", "9007199254740992"],
    ["1e400", "1e400"],
    ['{"a": [1, {"b": 12345678901234567890}]}', { a: [1, { b: "12345678901234567890" }] }],
  ])("%s keep their digits, as text", (text, value) => expect(parseExact(text)).toEqual(value));

  test.each([
    ["9007199254740991", 9_007_199_254_740_991],
    ["-9007199254740991", -9_007_199_254_740_991],
    ["1e22", 1e22],
    ["0.12345678901234566", 0.12345678901234566],
    ['"12345678901234567890"', "12345678901234567890"],
  ])("%s is what it always was", (text, value) => expect(parseExact(text)).toBe(value));
});

test("everything else is read as JSON.parse reads it", () => {
  const withoutLongIntegers = fc.json().filter((text) => !/(?<!\.\d*)\d{16}/.test(text));
  fc.assert(
    fc.property(withoutLongIntegers, (text) => {
      expect(parseExact(text)).toEqual(JSON.parse(text));
    }),
    { numRuns: 300 },
  );
  expect(() => parseExact("{1234567890123456")).toThrow(SyntaxError);
  expect(Object.keys(parseExact('{"__proto__": 1234567890123456789}') as object)).toEqual(["__proto__"]);
});
