/** Counts, last place and clock of a batch: those of the plans that went through, in their order. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Batch, type Draft } from "../../../../hub/store/draft.ts";
import { GenerationCache } from "../../../../hub/store/generation-cache.ts";
import { keys, placeOf, placeTime } from "../../../../hub/store/keys.ts";
import { addCounts, countIn, moveClock, type Tally } from "../../../../hub/store/tally-record.ts";
import { timestamp } from "../../../../shared/clock.ts";
import { noon } from "../../../support/records.ts";

interface Plan {
  /** Milliseconds after noon at which instances of it came in. */
  readonly takes: readonly number[];
  readonly counts: { readonly pending?: number; readonly dead_letters?: number };
  readonly ends: "well" | "refused" | "thrown";
}

const plan: fc.Arbitrary<Plan> = fc.record({
  takes: fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 3 }),
  counts: fc.record(
    { pending: fc.integer({ min: -2, max: 2 }), dead_letters: fc.integer({ min: -2, max: 2 }) },
    { requiredKeys: [] },
  ),
  ends: fc.constantFrom<Plan["ends"]>("well", "refused", "thrown"),
});

const before: Tally = {
  counts: { instances: 10, pending: 10, dead_letters: 10 },
  place: placeOf(noon, 3),
  clock: noon + 1,
};

const mistake = new Error("a plan's own");

/** Runs all of `plans` and the last one; answers what is written, and the places that were given out for good. */
function outcomeOf(plans: readonly Plan[], now: number) {
  const batch = new Batch(new GenerationCache(1_000));
  batch.supply(keys.tally(), JSON.stringify(before));
  const places: string[] = [];
  for (const { takes, counts, ends } of plans) {
    const carryOut = (draft: Draft) => {
      const given = takes.map((ms) => countIn(draft, timestamp(noon + ms), true));
      addCounts(draft, counts);
      if (ends === "thrown") throw mistake;
      return ends === "refused" ? draft.refuse([]) : given;
    };
    try {
      places.push(...batch.run(carryOut));
    } catch (error) {
      if (error !== mistake) throw error;
    }
  }
  const clock = batch.run((draft) => moveClock(draft, now));
  return { places, clock, operations: batch.operations() };
}

test("a batch writes one tally: what its plans that went through have come to, and nothing of the others", () => {
  fc.assert(
    fc.property(fc.array(plan, { maxLength: 6 }), fc.integer({ min: -9, max: 9 }), (plans, later) => {
      const { places, clock, operations } = outcomeOf(plans, noon + later);
      const went = plans.filter(({ ends }) => ends === "well");
      expect(places.every((place, index) => place > (places[index - 1] ?? before.place))).toBe(true);
      const taken = went.flatMap(({ takes }) => takes);
      expect(places.every((place, index) => placeTime(place) >= noon + (taken[index] ?? 0))).toBe(true);
      const sum = (count: "pending" | "dead_letters") =>
        went.reduce((total, { counts }) => total + (counts[count] ?? 0), 10);
      expect(clock).toBe(Math.max(before.clock, noon + later, ...taken.map((ms) => noon + ms)));
      const value = {
        counts: {
          instances: 10 + taken.length,
          pending: sum("pending") + taken.length,
          dead_letters: sum("dead_letters"),
        },
        place: places.at(-1) ?? before.place,
        clock,
      } satisfies Tally;
      expect(operations).toEqual([{ type: "put", key: keys.tally(), value: JSON.stringify(value) }]);
    }),
  );
});

test("a store in which nothing is yet begins at nought", () => {
  const batch = new Batch(new GenerationCache(0), () => undefined);
  expect(batch.run((draft) => countIn(draft, timestamp(noon), false))).toBe(placeOf(noon, 0));
  batch.run((draft) => moveClock(draft, noon - 5));
  const [written] = batch.operations();
  expect(written?.type === "put" && JSON.parse(written.value)).toEqual({
    counts: { instances: 1, pending: 0, dead_letters: 0 },
    place: placeOf(noon, 0),
    clock: noon,
  });
});
