/** The judge of heaps, by itself and in a campaign with a leak that was planted. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { campaign, type Decoder } from "../../fuzz/campaign.ts";
import { growth } from "../../fuzz/growth.ts";

const each = (of: (i: number) => number) => Array.from({ length: 20 }, (_, i) => of(i));

test.for([
  ["even", each(() => 40), null],
  ["caches that fill in the first quarter", each((i) => (i < 5 ? 40 + 20 * i : 130)), null],
  ["something held for a moment, at the end too", each((i) => (i % 4 === 3 ? 400 : 40)), null],
  ["less than is allowed", each((i) => 40 + i), null],
  ["a leak", each((i) => 40 + 4 * i), { from: 60, to: 100 }],
  ["a leak that begins late", each((i) => (i < 12 ? 40 : 40 + 10 * (i - 11))), { from: 40, to: 80 }],
  ["too few to say", [40, 400], null],
] as const)("%s", ([, samples, found]) => {
  expect(growth(samples, 16)).toEqual(found);
});

describe("in a campaign", () => {
  const before = globalThis.gc;
  beforeAll(() => {
    setFlagsFromString("--expose-gc");
    globalThis.gc = runInNewContext("gc") as typeof before;
  });
  afterAll(() => {
    globalThis.gc = before;
    setFlagsFromString("--no-expose-gc");
  });

  const kept: unknown[] = [];
  const decoder = (take: Decoder["take"]): Decoder => ({ name: "planted", seeds: [Buffer.from("a")], take });
  const judged = async (take: Decoder["take"]) => {
    const options = { seed: 1, inputs: 2_000, boundMs: Number.POSITIVE_INFINITY };
    const { heap, faults } = await campaign(decoder(take), options);
    expect(heap?.length).toBeGreaterThan(15);
    return faults.map(({ what }) => what);
  };

  test("what keeps something of every input is found", async () => {
    const faults = await judged(() => {
      kept.push(Array.from({ length: 4_000 }, (_, i) => i + 0.5));
      return "taken";
    });
    kept.length = 0;
    expect(faults).toEqual([expect.stringMatching(/^the heap grew from [\d.]+ to [\d.]+ MiB$/)]);
  });

  test("what keeps nothing, or as much as it may, is not", async () => {
    const faults = await judged(() => {
      kept.push(Array.from({ length: 4_000 }, (_, i) => i + 0.5));
      if (kept.length > 100) kept.shift();
      return "taken";
    });
    kept.length = 0;
    expect(faults).toEqual([]);
  });
});
