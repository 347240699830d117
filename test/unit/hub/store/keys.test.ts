import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keys, padded, part, placeOf, placeTime, placeTurn, within } from "../../../../hub/store/keys.ts";

describe("a part of a key", () => {
  it("leaves refs, ids and digests as they are", () => {
    for (const text of ["mypack.changed_file", "01HQ0000000000000000000001", "sha256:0a", "web-1"]) {
      expect(part(text)).toBe(text);
    }
  });

  it("spells what an old record lacks", () => {
    expect([undefined, null, 5].map((none) => part(none as unknown as string))).toEqual([
      "undefined",
      "null",
      "5",
    ]);
  });

  it("cannot be chosen to look like the hash of a long text", () => {
    for (let n = 0; n < 2_000; n++) {
      const long = `${n}${"x".repeat(300)}`;
      // Escaping a percent sign gives `%25`: a hash that begins with 25 could be spelled so.
      const spelled = `%${part(long).slice(4)}`;
      expect(part(spelled)).not.toBe(part(long));
    }
  });

  it("is different for different texts, has no separator, and stays short", () => {
    const text = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.string({ unit: fc.constantFrom("a", "/", "%", "0", "ü", "漢", "!", "\0"), maxLength: 6 }),
      fc.string({ minLength: 195, maxLength: 400 }),
      fc.string({ unit: fc.constantFrom("a", "\ud800", "\udc00", "\ufffd"), maxLength: 4 }),
    );
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(part(a) === part(b)).toBe(a === b);
        expect(part(a)).not.toContain("/");
        expect(part(a)).not.toBe("");
        expect(part(a).length).toBeLessThanOrEqual(200);
      }),
    );
  });
});

describe("keys", () => {
  it("sort as their numbers and times do", () => {
    const time = fc.integer({ min: 0, max: 9_999_999_999_999 });
    const turn = fc.integer({ min: 0, max: 999_999_999 });
    fc.assert(
      fc.property(time, turn, time, turn, (a, x, b, y) => {
        const before = a < b || (a === b && x < y);
        expect(placeOf(a, x) < placeOf(b, y)).toBe(before);
        expect([placeTime(placeOf(a, x)), placeTurn(placeOf(a, x))]).toEqual([a, x]);
        expect(keys.down("a", "e", x) < keys.down("a", "e", y)).toBe(x < y);
      }),
    );
  });

  it("of one prefix are all within its range, and no others", () => {
    const { gte, lt } = within("it/a/");
    const inside = (key: string) => key >= gte && key < lt;
    expect(["it/a/", "it/a/0", "it/a/\uffff"].every(inside)).toBe(true);
    expect(["it/a", "it/a0", "it/ab/1", "it/b/1", "i/a/1"].some(inside)).toBe(false);
  });

  it("write what is no number as zero", () => {
    expect([padded(Number.NaN, 3), padded(-5, 3), padded(7.9, 3)]).toEqual(["000", "000", "007"]);
  });
});
