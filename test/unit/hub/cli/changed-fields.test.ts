/** What a table of versions says has changed. */
import { expect, it } from "vitest";
import { changedFields } from "../../../../hub/cli/rule/changed-fields.ts";

it.each([
  [{}, {}, []],
  [{ a: 1, b: { c: 1, d: [1] } }, { a: 1, b: { c: 2, d: [1, 2] } }, ["b.c", "b.d"]],
  [{ a: { b: 1 } }, { a: null, e: 0 }, ["a", "e"]],
  [{ a: { b: 1 } }, {}, ["a"]],
])("%j to %j", (before, after, names) => {
  expect(changedFields(before, after)).toEqual(names);
});
