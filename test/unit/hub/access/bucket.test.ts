import fc from "fast-check";
import { expect, test } from "vitest";
import { Bucket } from "../../../../hub/access/bucket.ts";

test("takes a burst, then one each time, and says how long to wait", () => {
  const bucket = new Bucket({ burst: 3, everyMs: 100 }, 0);
  expect([0, 0, 0, 0].map((at) => bucket.take(at))).toEqual([true, true, true, false]);
  expect(bucket.waitMs(40)).toBeCloseTo(60);
  expect([99, 100, 100, 250].map((at) => bucket.take(at))).toEqual([false, true, false, true]);
  expect(bucket.waitMs(10_000)).toBe(0);
  expect(bucket.level(10_000)).toBe(0);
});

test("what is put in without asking fills it, and no more than that", () => {
  const bucket = new Bucket({ burst: 3, everyMs: 100 }, 0);
  for (let i = 0; i < 50; i++) bucket.fill(0);
  expect(bucket.level(0)).toBe(3);
  expect(bucket.hasRoom(99)).toBe(false);
  expect(bucket.hasRoom(100)).toBe(true);
});

test("in no stretch of time more is taken than the burst and what leaked out meanwhile", () => {
  const steps = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 60 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 100 }),
      steps,
      (burst, everyMs, gaps) => {
        const bucket = new Bucket({ burst, everyMs }, 0);
        const taken: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          if (bucket.take(now)) taken.push(now);
        }
        for (const [i, from] of taken.entries())
          for (const [j, to] of taken.entries())
            if (j >= i) expect(j - i + 1).toBeLessThanOrEqual(burst + (to - from) / everyMs + 1e-6);
      },
    ),
  );
});
