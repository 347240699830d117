import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairQueue } from "../../../../hub/store/fair-queue.ts";

const item = (source: string, n: number, weight = 1) => ({ source, n, weight });

describe("the queue of writes", () => {
  it("takes one of each source in turn, so that a flood does not delay the others", () => {
    const queue = new FairQueue<ReturnType<typeof item>>();
    for (let n = 0; n < 100; n++) queue.push(item("flood", n));
    queue.push(item("calm", 0));
    queue.push(item("quiet", 0));
    expect(queue.take(4).map(({ source }) => source)).toEqual(["flood", "calm", "quiet", "flood"]);
  });

  it("gives whoever was not served the first turn of the next batch", () => {
    const queue = new FairQueue<ReturnType<typeof item>>();
    for (const source of ["a", "b", "c"]) for (let n = 0; n < 3; n++) queue.push(item(source, n));
    expect(queue.take(2).map(({ source }) => source)).toEqual(["a", "b"]);
    expect(queue.take(2).map(({ source }) => source)).toEqual(["c", "a"]);
  });

  it("lets light items pass however many sources have heavy ones, and these keep half of each batch", () => {
    const queue = new FairQueue<ReturnType<typeof item>>();
    for (let n = 0; n < 50; n++) for (let at = 0; at < 3; at++) queue.push(item(`drains-${n}`, at, 50));
    for (let n = 0; n < 3; n++) queue.push(item("live", n));
    expect(queue.take(200).map(({ source }) => source)).toEqual([
      ...["live", "live", "live"],
      ...["drains-0", "drains-1", "drains-2", "drains-3"],
    ]);
    for (let n = 0; n < 1_000; n++) queue.push(item(`live-${n}`, 0));
    const batch = queue.take(200);
    expect(batch.filter(({ weight }) => weight === 1)).toHaveLength(100);
    expect(batch.slice(100).map(({ source }) => source)).toEqual(["drains-4", "drains-5"]);
  });

  it("never lets a light item pass a heavy one of its own source", () => {
    const queue = new FairQueue<ReturnType<typeof item>>();
    queue.push(item("a", 0, 50));
    queue.push(item("a", 1, 1));
    queue.push(item("b", 0, 50));
    expect(queue.take(100).map(({ source, n }) => [source, n])).toEqual([
      ["a", 0],
      ["b", 0],
    ]);
    expect(queue.take(100).map(({ source, n }) => [source, n])).toEqual([["a", 1]]);
  });

  it("hands out everything once, each source in order, at most one beyond the weight", () => {
    const arrivals = fc.array(
      fc.record({ source: fc.constantFrom("a", "b", "c"), weight: fc.constantFrom(1, 2, 9, 30) }),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 60 }), (items, limit) => {
        const queue = new FairQueue<ReturnType<typeof item>>();
        for (const [n, { source, weight }] of items.entries()) queue.push(item(source, n, weight));
        const taken: ReturnType<typeof item>[] = [];
        while (queue.size > 0) {
          const batch = queue.take(limit);
          const before = batch.slice(0, -1).reduce((sum, { weight }) => sum + weight, 0);
          expect(before).toBeLessThan(limit);
          expect(batch.length).toBeGreaterThan(0);
          taken.push(...batch);
        }
        for (const source of ["a", "b", "c"]) {
          const own = taken.filter((each) => each.source === source).map(({ n }) => n);
          expect(own).toEqual(own.toSorted((x, y) => x - y));
        }
        expect(taken).toHaveLength(items.length);
      }),
    );
  });

  it("keeps its order over thousands of waiting items", () => {
    const queue = new FairQueue<ReturnType<typeof item>>();
    for (let n = 0; n < 5000; n++) queue.push(item("a", n));
    const taken = Array.from({ length: 50 }, () => queue.take(100)).flat();
    expect(taken.map(({ n }) => n)).toEqual(Array.from({ length: 5000 }, (_, n) => n));
  });
});
