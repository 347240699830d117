/** Instants: one spelling each, whichever were asked for before. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseTimestamp, timestamp } from "../../../shared/clock.ts";

/** Few, and such that many share their last digits. */
const instants = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3 }))
  .map(([steps, more]) => 1_700_000_000_000 + steps * 64 + more);

test("an instant is spelt and read as the engine does it, also after others with the same last digits", () => {
  fc.assert(
    fc.property(fc.array(instants, { maxLength: 60 }), (all) => {
      for (const ms of all) {
        const text = new Date(ms).toISOString();
        expect(timestamp(ms)).toBe(text);
        expect(parseTimestamp(text)).toBe(ms);
        // The digits before its end are the same, and it is another instant.
        const midnight = `${text.slice(0, 11)}00${text.slice(13)}`;
        expect(parseTimestamp(midnight)).toBe(Date.parse(midnight));
      }
    }),
  );
});

test("any instant is spelt as the engine does it", () => {
  const most = 8_640_000_000_000_000;
  const any = fc.oneof(
    fc.integer({ min: -most, max: most }),
    fc.double({ min: -most, max: most, noNaN: true }),
    fc.integer({ min: 0, max: 300_000 }),
    fc.integer({ min: 0, max: 40_000 }).map((more) => 1_700_000_000_000 + more * 499),
  );
  fc.assert(
    fc.property(fc.array(any, { maxLength: 40 }), (all) => {
      for (const ms of all) expect(timestamp(ms)).toBe(new Date(ms).toISOString());
    }),
    { numRuns: 500 },
  );
  for (const ms of [-0.5, 0.5, 999.9, most]) expect(timestamp(ms)).toBe(new Date(ms).toISOString());
  expect(() => timestamp(most + 1)).toThrow(RangeError);
  expect(() => timestamp(Number.POSITIVE_INFINITY)).toThrow(RangeError);
});

test("what is no instant is none, and a fraction of a millisecond is not taken for the whole", () => {
  for (const text of ["", "Z", "yesterday", "2026-13-01T00:00:00.000Z", "x".repeat(100)]) {
    expect(parseTimestamp(text), text).toBeNull();
  }
  expect(timestamp(1_700_000_000_000.5)).toBe("2023-11-14T22:13:20.000Z");
  expect(timestamp(1_700_000_000_000)).toBe("2023-11-14T22:13:20.000Z");
  expect(() => timestamp(Number.NaN)).toThrow(RangeError);
});
