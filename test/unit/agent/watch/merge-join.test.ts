import fc from "fast-check";
import { expect, test } from "vitest";
import { mergeJoin } from "../../../../agent/watch/merge-join.ts";

interface Item {
  readonly key: string;
  readonly value: number;
}

const side = fc.dictionary(fc.string({ maxLength: 2 }), fc.nat(2)).map((found) =>
  Object.entries(found)
    .map(([key, value]) => ({ key, value }))
    .sort((a, b) => (a.key < b.key ? -1 : 1)),
);

function inBatches(items: readonly Item[], size: number) {
  let at = 0;
  return {
    next: async () => {
      at += size;
      return items.slice(at - size, at);
    },
  };
}

test("laying two sides beside each other hands out exactly what differs, in order, in batches", async () => {
  await fc.assert(
    fc.asyncProperty(
      side,
      side,
      fc.tuple(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
      ),
      async (left, right, [leftSize, rightSize, batch]) => {
        const found: { key: string; left: number | null; right: number | null }[] = [];
        await mergeJoin({
          left: inBatches(left, leftSize),
          right: inBatches(right, rightSize),
          isSame: (a, b) => a.value === b.value,
          batch,
          unlike: async (pairs) => {
            expect(pairs.length).toBeLessThanOrEqual(batch);
            for (const pair of pairs)
              found.push({
                key: pair.left?.key ?? pair.right?.key ?? "",
                left: pair.left?.value ?? null,
                right: pair.right?.value ?? null,
              });
          },
        });
        const valueAt = (items: readonly Item[], key: string) =>
          items.find((item) => item.key === key)?.value ?? null;
        const expected = [...new Set([...left, ...right].map(({ key }) => key))]
          .sort()
          .map((key) => ({ key, left: valueAt(left, key), right: valueAt(right, key) }))
          .filter((pair) => pair.left !== pair.right);
        expect(found).toEqual(expected);
      },
    ),
  );
});

test("behind the end of the right side what is new is handed out sooner, but nothing that could belong to a move", async () => {
  const sizes = async (right: readonly Item[]) => {
    const left = Array.from({ length: 10 }, (_, n) => ({ key: `k${n}`, value: 1 }));
    const found: number[] = [];
    await mergeJoin({
      left: inBatches(left, 3),
      right: inBatches(right, 2),
      isSame: (a, b) => a.value === b.value,
      batch: 8,
      newBatch: 2,
      unlike: async (pairs) => void found.push(pairs.length),
    });
    return found;
  };
  expect(await sizes([])).toEqual([2, 2, 2, 2, 2]);
  expect(await sizes([{ key: "k0", value: 1 }])).toEqual([2, 2, 2, 2, 1]);
  // One that went may be what came later.
  expect(await sizes([{ key: "a", value: 1 }])).toEqual([8, 2, 1]);
  expect(await sizes([{ key: "k0", value: 2 }])).toEqual([8, 2]);
  expect(await sizes([{ key: "z", value: 2 }])).toEqual([8, 3]);
});
