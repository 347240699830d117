/** What every batch moves on, in one record: counts, the last place in the order of intake, and the store's time. */
import { describe, expect, it } from "vitest";
import { noon } from "../../support/records.ts";
import {
  claimed,
  execution,
  id,
  instance,
  nowAndReopened,
  type OpenStore,
  type StoreWorld,
  take,
} from "./world.ts";

/** As a database of format 6 has them, with a place and a time to come. */
const older: readonly [key: string, text: string][] = [
  ["x/counts", '{"instances":7,"pending":4,"dead_letters":2}'],
  ["x/place", '"1795953700000000000003"'],
  ["xs/clock_high_water", `${noon + 90_000}`],
];

/** The rows that speak of it. */
const tallied = async (world: StoreWorld) => {
  const found: string[] = [];
  await world.tamper(async (raw) => {
    const rows = [...(await raw.rows("x/")), ...(await raw.rows("xs/"))];
    found.push(...rows.map(([key]) => key));
  });
  return found;
};

export function tallyCases(open: OpenStore): void {
  describe("the tally", () => {
    it("is one record, whatever a batch moves on", async () => {
      const world = await open();
      await world.store.emit({ instance: instance(1), enforcements: [], executions: [], dispatches: [] });
      await world.store.setKey("s", "k", "v");
      expect(await tallied(world)).toEqual(["x/tally"]);
    });

    it("is that of those who wrote, although others of the same batch were refused", async () => {
      const world = await open();
      const { store } = world;
      const [one, two] = [await claimed(store, "web-1"), await claimed(store, "web-2")];
      const bring = (n: number) => ({ type: "instance", instance: instance(n) }) as const;
      const stale = { type: "execution", execution: execution(9, { rev: 2 }), expectRev: 1 } as const;
      const results = await Promise.all([
        store.takeIn(take(one, 0, [bring(1)])),
        store.takeIn(take(two, 0, [bring(2), bring(60_000), stale])),
        store.takeIn(take(one, 1, [bring(3), bring(4)])),
        // A mistake of the caller's: it throws.
        store.takeIn({ ...take(two, 0, [bring(5)]), newMark: -1 }).catch(() => "thrown"),
        store.takeIn(take(two, 0, [bring(6)])),
      ]);
      expect(results).toEqual([
        { done: true },
        { done: false, why: "conflict", id: id(9) },
        { done: true },
        "thrown",
        { done: true },
      ]);
      for await (const each of nowAndReopened(world)) {
        expect(await each.counts()).toEqual({ instances: 4, pending: 4, dead_letters: 0 });
        const { items } = await each.instances({}, { limit: 10, ascending: true });
        expect(items.map((found) => found.id)).toEqual([id(1), id(3), id(4), id(6)]);
        expect(await each.clockHighWater()).toBe(noon + 6);
      }
    });

    it("that a failed batch would have made is not believed, and one that is on disk all the same is", async () => {
      for (const isWritten of [false, true]) {
        const world = await open();
        const alone = (n: number) => ({
          instance: instance(n),
          enforcements: [],
          executions: [],
          dispatches: [],
        });
        await world.store.emit(alone(1));
        world.failWrite({ isWritten });
        await expect(world.store.emit(alone(40_000))).rejects.toMatchObject({ code: "STORE_WRITE" });
        const store = await world.reopen();
        const count = isWritten ? 2 : 1;
        expect(await store.counts()).toEqual({ instances: count, pending: count, dead_letters: 0 });
        expect(await store.clockHighWater()).toBe(noon + (isWritten ? 40_000 : 1));
      }
    });

    it("goes on from the three records that older databases have, which are gone from then on", async () => {
      const world = await open();
      const store = await world.tamper(async (raw) => {
        await raw.put("x/tally", null);
        for (const [key, text] of older) await raw.put(key, text);
      });
      expect(await store.counts()).toEqual({ instances: 7, pending: 4, dead_letters: 2 });
      expect(await store.clockHighWater()).toBe(noon + 90_000);
      await store.emit({ instance: instance(1), enforcements: [], executions: [], dispatches: [] });
      expect(await store.counts()).toEqual({ instances: 8, pending: 5, dead_letters: 2 });
      const places: string[] = [];
      const again = await world.tamper(async (raw) => {
        places.push(...(await raw.rows("i/")).map(([key]) => key));
      });
      expect(places).toEqual(["i/1795953700000000000004"]);
      expect(await again.counts()).toEqual({ instances: 8, pending: 5, dead_letters: 2 });
      expect(await again.clockHighWater()).toBe(noon + 90_000);
      expect(await tallied(world)).toEqual(["x/tally"]);
    });

    it("is believed, and no older record that lies beside it", async () => {
      const world = await open();
      await world.store.emit({ instance: instance(1), enforcements: [], executions: [], dispatches: [] });
      let store = await world.tamper(async (raw) => {
        for (const [key, text] of older) await raw.put(key, text);
      });
      for (let opened = 0; opened < 2; opened++) {
        if (opened > 0) store = await world.reopen();
        expect(await store.counts()).toEqual({ instances: 1, pending: 1, dead_letters: 0 });
        expect(await store.clockHighWater()).toBe(noon + 1);
      }
      expect(await tallied(world)).toEqual(["x/tally"]);
    });
  });
}
