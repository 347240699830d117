/** Guessing what was meant by a wrong name. */
import { describe, expect, test } from "vitest";
import { nearest, suggestion } from "../../../shared/nearest.ts";

const operators = ["equals", "startswith", "endswith", "contains", "exists", "gt"];

describe("nearest", () => {
  const rows: readonly (readonly [string, string | null])[] = [
    ["startwith", "startswith"],
    ["StartsWith", "startswith"],
    ["eqauls", "equals"],
    ["contain", "contains"],
    ["exist", "exists"],
    ["something_else", null],
    ["x".repeat(200), null],
  ];
  test.for(rows)("%s", ([wrong, expected]) => {
    expect(nearest(wrong, operators)).toBe(expected);
  });

  test("a suggestion is the nearest name, else all there are", () => {
    expect(suggestion("startwith", operators)).toBe("write 'startswith'");
    expect(suggestion("something_else", operators)).toBe(`one of: ${operators.join(", ")}`);
    expect(suggestion("anything", [])).toBe("remove it");
  });
});
