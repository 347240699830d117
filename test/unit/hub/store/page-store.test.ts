/** Pages of records whose places come in no order. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { pageOfMany } from "../../../../hub/store/page-store.ts";

const place = (n: number) => String(n).padStart(6, "0");

async function* inParts(places: readonly string[]) {
  for (let start = 0; start < places.length; start += 700) yield places.slice(start, start + 700);
}

/** `loaded`: how many records each call has loaded. */
function listing(keep: (n: number) => boolean) {
  const loaded: number[] = [];
  return {
    loaded,
    load: async (places: readonly string[]) => {
      loaded[loaded.length - 1] = (loaded.at(-1) ?? 0) + places.length;
      return places.map((each) => ({ n: Number(each) }));
    },
    keep: ({ n }: { readonly n: number }) => keep(n),
    placeOfTime: String,
  };
}

test("they come whole and in order, and no call loads more than a few thousand", async () => {
  // 7,919 is prime: each place once, and in no order.
  const places = Array.from({ length: 12_000 }, (_, n) => place((n * 7_919) % 12_000));
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.constantFrom(30, 1_000),
      fc.constantFrom(1, 7, 5_000, 20_000),
      async (ascending, limit, every) => {
        const given = listing((n) => n % every === 0);
        const found: number[] = [];
        let cursor: string | undefined;
        do {
          given.loaded.push(0);
          const page = await pageOfMany(inParts(places), given, { limit, ascending, cursor });
          found.push(...page.items.map(({ n }) => n));
          cursor = page.cursor;
        } while (cursor !== undefined && given.loaded.length < 60);
        const all = Array.from({ length: 12_000 }, (_, n) => n).filter((n) => n % every === 0);
        const expected = ascending ? all : all.reverse();
        expect(found).toEqual(expected.slice(0, found.length));
        if (given.loaded.length < 60) expect(found).toEqual(expected);
        expect(Math.max(...given.loaded)).toBeLessThanOrEqual(5_000);
      },
    ),
    { numRuns: 12 },
  );
});
