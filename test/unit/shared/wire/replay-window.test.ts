/** A number is taken once, whatever the order. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ReplayWindow } from "../../../../shared/wire/replay-window.ts";

const span = 1_024;

test("as a set would do it, as far as the window reaches; beyond it nothing is taken", () => {
  const numbers = fc.array(
    fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 900, max: 1_100 }), fc.nat(5_000)),
    { maxLength: 400 },
  );
  fc.assert(
    fc.property(numbers, (all) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      let highest = 0;
      for (const n of all) {
        const isNew = n >= 1 && n > highest - span && !seen.has(n);
        expect(window.take(n), `${n} after ${highest}`).toBe(isNew);
        if (isNew) seen.add(n);
        highest = isNew ? Math.max(highest, n) : highest;
      }
    }),
  );
});

test("what is no number from 1 on is not taken", () => {
  const window = new ReplayWindow();
  for (const n of [0, -1, 1.5, Number.NaN, 2 ** 53]) expect(window.take(n)).toBe(false);
});
