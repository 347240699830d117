import fc from "fast-check";
import { expect, test } from "vitest";
import { cursorOf, placeOfCursor } from "../../../../hub/http/cursor.ts";

const list = "/v1/executions";

test("a cursor leads back to its place, whatever the place is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (place) => {
      expect(placeOfCursor(list, cursorOf(list, place))).toBe(place);
    }),
  );
});

test("a text that no page gave is refused, however near it is to one", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (text) => {
      expect(() => placeOfCursor(list, text)).toThrow(expect.objectContaining({ code: "API_BAD_REQUEST" }));
    }),
  );
  const real = cursorOf(list, "01HQ0000000000000000000001");
  const near = [`${real}=`, ` ${real}`, `${real}A`, real.slice(0, -1), real.toLowerCase(), `\n${real}`];
  for (const text of near) expect(() => placeOfCursor(list, text)).toThrow("none that a page");
});

test("another list's cursor is refused", () => {
  expect(() => placeOfCursor("/v1/rules", cursorOf(list, "a.b"))).toThrow("none that a page of this list");
});
