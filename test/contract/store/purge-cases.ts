/** Retention: whole families that have ended, and no record that another one still names. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RetentionPolicy } from "../../../hub/store/port/retention.ts";
import type { Store } from "../../../hub/store/store.ts";
import { timestamp } from "../../../shared/clock.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { noon } from "../../support/records.ts";
import {
  allPages,
  claimed,
  execution,
  id,
  instance,
  nowAndReopened,
  type OpenStore,
  outcome,
  outcomes,
  packRecord,
  request,
  take,
} from "./world.ts";

const policy = (over: Partial<RetentionPolicy> = {}): RetentionPolicy => ({
  before: timestamp(noon + 1_000),
  maxInstances: 1_000_000,
  batch: 100,
  ...over,
});

const all = { limit: 1000, ascending: true };
const instances = async (store: Store) => allPages((cursor) => store.instances({}, { ...all, cursor }));
const enforcements = async (store: Store) => allPages((cursor) => store.enforcements({}, { ...all, cursor }));
const executions = async (store: Store) => allPages((cursor) => store.executions({}, { ...all, cursor }));

async function finish(
  store: Store,
  run: Execution | undefined,
  over: Partial<Execution> = {},
): Promise<void> {
  if (run === undefined) throw new Error("no execution to finish");
  const next = { ...run, status: "succeeded" as const, rev: run.rev + 1, ...over };
  expect(await store.updateExecution(next, run.rev)).toBe(true);
}

/** Whatever a record names is there, and whatever an index finds too. */
async function expectWhole(store: Store): Promise<void> {
  const [kept, fired, runs] = await Promise.all([instances(store), enforcements(store), executions(store)]);
  const known = new Set([...kept, ...fired, ...runs].map((record) => record.id));
  const named = [
    ...kept.map((each) => each.re_emit_of),
    ...fired.flatMap((each) => [each.trigger_instance, ...each.executions]),
    ...runs.flatMap((each) => [each.trigger_instance, each.enforcement, each.rerun_of]),
  ];
  expect(named.filter((name) => name !== null && !known.has(name))).toEqual([]);
  const byAction = await store.executions({ action: "core.noop" }, all);
  const byAgent = await store.executions({ agent: "web-1" }, all);
  const byRule = await store.executions({ rule: "mypack.on_change" }, all);
  expect(byAction.items).toEqual(runs);
  expect(byAgent.items).toEqual(runs);
  expect(byRule.items).toEqual(runs.filter((run) => run.rule !== null));
  expect((await store.instances({ agent: "web-1" }, all)).items).toEqual(kept);
  expect((await store.instances({ trigger: "mypack.changed_file" }, all)).items).toEqual(kept);
  expect((await store.enforcements({ rule: "mypack.on_change" }, all)).items).toEqual(fired);
  expect(await store.counts()).toMatchObject({ instances: kept.length });
  for (const each of kept) expect(await store.instance(each.id)).toEqual(each);
}

export function purgeCases(open: OpenStore): void {
  describe("a purge", () => {
    it("leaves no row in any index of what has gone, whatever statuses it had", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const failed = { ...instance(4), status: "processing_failed" as const };
      await world.store.takeIn(
        take(claim, 0, [...outcomes([1, 2, 3]), { type: "instance", instance: failed }]),
      );
      const ends: readonly Execution["status"][] = ["succeeded", "failed", "timeout"];
      for (const [index, run] of (await executions(world.store)).entries()) {
        const running = { ...run, status: "running" as const, rev: run.rev + 1 };
        expect(await world.store.updateExecution(running, run.rev)).toBe(true);
        await finish(world.store, running, { status: ends[index] ?? "abandoned" });
      }
      expect(await world.store.purge(policy())).toMatchObject({ instances: 4, executions: 3 });
      await world.tamper(async (raw) => {
        const left: string[] = [];
        for (const index of [
          "e",
          "ea",
          "ef",
          "eg",
          "eo",
          "er",
          "es",
          "i",
          "ig",
          "is",
          "it",
          "n",
          "nr",
          "ns",
        ]) {
          left.push(...(await raw.rows(`${index}/`)).map(([key]) => key));
        }
        expect(left).toEqual([]);
      });
    });

    it("deletes whole families that have ended, and leaves open and young ones", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const pending = { type: "instance", instance: instance(4) } as const;
      await world.store.takeIn(take(claim, 0, [...outcomes([1, 2, 3]), pending, ...outcomes([1_000])]));
      await finish(world.store, outcome(1).executions[0]);
      await finish(world.store, outcome(3).executions[0], { status: "abandoned" });
      await finish(world.store, outcome(1_000).executions[0]);
      expect(await world.store.purge(policy())).toEqual({ instances: 2, executions: 2, enforcements: 2 });
      for await (const store of nowAndReopened(world)) {
        expect((await instances(store)).map((each) => each.id)).toEqual([2, 4, 1_000].map(id));
        expect(await store.instance(id(1))).toBeNull();
        expect(await store.execution(outcome(1).executions[0]?.id ?? "")).toBeNull();
        expect(await store.enforcement(outcome(1).enforcements[0]?.id ?? "")).toBeNull();
        expect((await store.executions({ trigger_instance: id(1) }, all)).items).toEqual([]);
        await expectWhole(store);
        expect(await store.purge(policy())).toEqual({ instances: 0, executions: 0, enforcements: 0 });
      }
    });

    it("deletes the oldest that have ended when there are too many", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      await store.takeIn(take(claim, 0, outcomes([1, 2, 3, 4, 5])));
      for (const n of [2, 3, 4, 5]) await finish(store, outcome(n).executions[0]);
      const tooMany = policy({ before: timestamp(noon - 1), maxInstances: 3 });
      expect(await store.purge(tooMany)).toEqual({ instances: 2, executions: 2, enforcements: 2 });
      expect((await instances(store)).map((each) => each.id)).toEqual([1, 4, 5].map(id));
      await expectWhole(store);
    });

    it("does a bounded piece of work, and is done after enough calls", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const numbers = Array.from({ length: 60 }, (_, n) => n);
      await store.takeIn(take(claim, 0, outcomes(numbers)));
      // The first thirty are still open: whoever looks for more must get past them.
      for (const n of numbers.slice(30)) await finish(store, outcome(n).executions[0]);
      let calls = 0;
      while ((await instances(store)).length > 30 && calls < 20) {
        const { instances: gone } = await store.purge(policy({ batch: 7 }));
        expect(gone).toBeLessThanOrEqual(7);
        calls++;
      }
      expect((await instances(store)).map((each) => each.id)).toEqual(numbers.slice(0, 30).map(id));
      for (const n of numbers.slice(0, 30)) await finish(store, outcome(n).executions[0]);
      for (let call = 0; call < 10; call++) await store.purge(policy({ batch: 7 }));
      expect(await instances(store)).toEqual([]);
      expect(await executions(store)).toEqual([]);
    });

    it("by size deletes the oldest that have ended, with what was made by hand in their time, and no more", async () => {
      const world = await open();
      const { store } = world;
      const claim = await claimed(store);
      await store.takeIn(take(claim, 0, outcomes(Array.from({ length: 100 }, (_, n) => n * 2))));
      for (let n = 4; n < 200; n += 2) await finish(store, outcome(n).executions[0]);
      const byHand = [5, 7, 3_000].map((n) => execution(n));
      await store.createExecutions(byHand, []);
      for (const run of byHand) await finish(store, run);
      let gone = 0;
      for (let call = 0; call < 100 && gone < 10_000; call++)
        gone += (await store.purgeOldest(10_000 - gone, 10)).bytes;
      expect(gone).toBeGreaterThanOrEqual(10_000);
      const kept = (await instances(store)).map((each) => each.id);
      // Those that are open stay; what is gone is older than all that is left.
      expect(kept.slice(0, 2)).toEqual([0, 2].map(id));
      expect(kept.slice(2)).toEqual(
        Array.from({ length: 100 }, (_, n) => id(n * 2)).slice(-(kept.length - 2)),
      );
      expect(kept.length).toBeGreaterThan(60);
      const runs = (await executions(store)).map((each) => each.id);
      expect(runs.filter((run) => byHand.some((each) => each.id === run))).toEqual([id(3_000)]);
      for (let call = 0; call < 100; call++) await store.purgeOldest(1e9, 50);
      for await (const each of nowAndReopened(world)) {
        expect((await instances(each)).map((left) => left.id)).toEqual([0, 2].map(id));
        expect(await executions(each)).toHaveLength(2);
        await expectWhole(each);
      }
    });

    it("knows about how many bytes there are, blobs included", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      await store.takeIn(take(claim, 0, outcomes([1, 2])));
      const [run] = outcome(1).executions;
      await finish(store, run, { result_blob: { digest: "sha256:result", size: 1_000_000 } });
      await store.reclaim();
      const sizes = (digest: string) => (digest === "sha256:result" ? 1_000_000 : 0);
      const bytes = await store.historyBytes(sizes);
      // LevelDB does not count what fits into a block.
      expect(bytes).toBeGreaterThanOrEqual(1_000_000);
      expect(bytes).toBeLessThan(1_100_000);
      await finish(store, outcome(2).executions[0]);
      expect((await store.purgeOldest(1, 10)).bytes).toBeGreaterThan(1_000_000);
      await store.reclaim();
      expect(await store.historyBytes(sizes)).toBeLessThan(10_000);
    });

    it("deletes executions made by hand on their own, once they have ended", async () => {
      const { store } = await open();
      await claimed(store);
      await store.createExecutions(
        [1, 2, 3, 2_000].map((n) => execution(n)),
        [],
      );
      for (const n of [1, 3, 2_000]) await finish(store, execution(n));
      expect(await store.purge(policy())).toEqual({ instances: 0, executions: 2, enforcements: 0 });
      expect((await executions(store)).map((run) => run.id)).toEqual([2, 2_000].map(id));
      await expectWhole(store);
    });

    it("keeps what a re-run or a re-emitted trigger names, and lets it go after them", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const emitted = outcome(3_000, "web-1", { re_emit_of: id(1) });
      await store.takeIn(take(claim, 0, [...outcomes([1, 2]), { type: "outcome", outcome: emitted }]));
      const again = execution(3_001, { rerun_of: id(5) });
      await store.createExecutions([execution(5), again], []);
      const joined = execution(3_002, {
        rerun_of: outcome(2).executions[0]?.id ?? "",
        trigger_instance: id(2),
      });
      await store.createExecutions([joined], []);
      const runs = await executions(store);
      for (const run of runs) await finish(store, run);
      expect(await store.purge(policy())).toEqual({ instances: 0, executions: 0, enforcements: 0 });
      await expectWhole(store);
      const later = policy({ before: timestamp(noon + 10_000) });
      for (let call = 0; call < 3; call++) await store.purge(later);
      expect([...(await instances(store)), ...(await executions(store))]).toEqual([]);
    });

    it("deletes old dead letters and gaps", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const effects = [1, 2_000].flatMap((n) => {
        const at = timestamp(noon + n);
        const letter = { id: id(n), agent: "web-1", received_at: at, code: "X", reason: "", entry: null };
        const gap = { id: id(n), agent: "web-1", direction: "up", epoch: "E", from: 1, to: 1 } as const;
        return [
          { type: "dead-letter", letter },
          { type: "gap", gap: { ...gap, reason: "", recorded_at: at } },
        ] as const;
      });
      await store.takeIn(take(claim, 0, effects));
      await store.purge(policy());
      expect((await store.deadLetters(all)).items.map((each) => each.id)).toEqual([id(2_000)]);
      expect((await store.gaps(all)).items.map((each) => each.id)).toEqual([id(2_000)]);
      expect(await store.dropDeadLetter(id(2_000))).toBe(true);
      expect(await store.dropDeadLetter(id(2_000))).toBe(false);
      expect(await store.counts()).toMatchObject({ dead_letters: 0 });
    });

    it("keeps the newest dead letters and gaps, however many an agent makes", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const numbers = Array.from({ length: 20 }, (_, n) => n + 2_000);
      const effects = numbers.flatMap((n) => {
        const at = timestamp(noon + n);
        const letter = { id: id(n), agent: "web-1", received_at: at, code: "X", reason: "", entry: null };
        const gap = { id: id(n), agent: "web-1", direction: "up", epoch: "E", from: 1, to: 1 } as const;
        return [
          { type: "dead-letter", letter },
          { type: "gap", gap: { ...gap, reason: "", recorded_at: at } },
        ] as const;
      });
      await store.takeIn(take(claim, 0, effects));
      await store.purge(policy({ maxNotes: 5, batch: 4 }));
      const newest = numbers.slice(-5).map(id);
      const page = { limit: 100, ascending: true };
      expect((await store.deadLetters(page)).items.map((each) => each.id)).toEqual(newest);
      expect((await store.gaps(page)).items.map((each) => each.id)).toEqual(newest);
      expect(await store.counts()).toMatchObject({ dead_letters: 5 });
    });

    it("keeps a bounded number of an agent's marks, the newest", async () => {
      const world = await open();
      const { store } = world;
      const claim = await claimed(store);
      const epochs = Array.from({ length: 1_030 }, (_, n) => `E${n}`);
      await Promise.all(
        epochs.map((epoch, n) => {
          world.clock.at = noon + 10_000 + n;
          return store.takeIn(take(claim, 0, [], epoch));
        }),
      );
      world.clock.at = noon + 100_000;
      await store.takeIn(take(claim, 0, [], "newest"));
      await store.purge(policy());
      const marks = await store.marks("web-1", [...epochs, "newest"]);
      expect([...marks.values()].filter((mark) => mark === 1)).toHaveLength(1_024);
      expect(marks.get("newest")).toBe(1);
    });

    it("forgets the marks of epochs long past, never those in use", async () => {
      const world = await open();
      const { store } = world;
      const claim = await claimed(store);
      const epochs = Array.from({ length: 30 }, (_, n) => `E${n}`);
      for (const [n, epoch] of epochs.entries()) {
        world.clock.at = noon + n;
        await store.takeIn(take(claim, 0, [], epoch));
      }
      const other = await claimed(store, "web-2");
      await store.takeIn(take(other, 0, []));
      await store.purge(policy());
      const marks = await store.marks("web-1", epochs);
      expect(epochs.filter((epoch) => marks.get(epoch) === 1)).toEqual(epochs.slice(14));
      expect(await store.marks("web-2", ["E1"])).toEqual(new Map([["E1", 1]]));
    });

    it("leaves every reference whole, whatever has happened before and between", async () => {
      const step = fc.oneof(
        { weight: 4, arbitrary: fc.record({ do: fc.constant("take" as const), old: fc.boolean() }) },
        { weight: 5, arbitrary: fc.record({ do: fc.constant("finish" as const), which: fc.nat() }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant("rerun" as const), which: fc.nat() }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant("emit" as const), which: fc.nat() }) },
        { weight: 1, arbitrary: fc.record({ do: fc.constant("hand" as const), old: fc.boolean() }) },
        {
          weight: 3,
          arbitrary: fc.record({
            do: fc.constant("purge" as const),
            batch: fc.integer({ min: 1, max: 5 }),
            max: fc.integer({ min: 0, max: 20 }),
          }),
        },
        {
          weight: 3,
          arbitrary: fc.record({
            do: fc.constant("cut" as const),
            batch: fc.integer({ min: 1, max: 5 }),
            bytes: fc.integer({ min: 1, max: 10_000 }),
          }),
        },
        { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
          const world = await open();
          let { store } = world;
          let n = 0;
          let mark = 0;
          const claim = await claimed(store);
          const pick = <T>(from: readonly T[], which: number) => from[which % Math.max(1, from.length)];
          const emit = async (of: number, over = {}) => {
            await store.takeIn(
              take(claim, mark++, [{ type: "outcome", outcome: outcome(of, "web-1", over) }]),
            );
          };
          for (const each of steps) {
            n++;
            const at = "old" in each && each.old ? n : n + 5_000;
            if (each.do === "take") await emit(at);
            if (each.do === "hand") await store.createExecutions([execution(at)], []);
            if (each.do === "reopen") store = await world.reopen();
            if (each.do === "purge") await store.purge(policy({ batch: each.batch, maxInstances: each.max }));
            if (each.do === "cut") await store.purgeOldest(each.bytes, each.batch);
            if (each.do === "finish") {
              const run = pick(await store.openExecutions("web-1"), each.which);
              if (run !== undefined) await finish(store, run);
            }
            if (each.do === "rerun") {
              const run = pick(await executions(store), each.which);
              const link = { rerun_of: run?.id ?? null, trigger_instance: run?.trigger_instance ?? null };
              if (run !== undefined) await store.createExecutions([execution(at, link)], []);
            }
            if (each.do === "emit") {
              const source = pick(await instances(store), each.which);
              if (source !== undefined) await emit(at, { re_emit_of: source.id });
            }
            await expectWhole(store);
          }
          await world.close();
        }),
        { numRuns: 25 },
      );
    });
  });

  describe("blobs", () => {
    it("stay as long as a kept execution or a pack version names them", async () => {
      const world = await open();
      await claimed(world.store);
      const run = execution(1, { pack_digest: "sha256:pack-1" });
      const parameters = { digest: "sha256:parameters", size: 1 };
      await world.store.putPack(packRecord(), null);
      await world.store.createExecutions([run], [request(run, { parameters_blob: parameters })]);
      await finish(world.store, run, { result_blob: { digest: "sha256:result", size: 2 } });
      world.clock.at = noon + 10;
      await world.store.putPack(packRecord({ digest: "sha256:pack-2", rev: 2 }), 1);
      const [epoch] = await world.store.downEpochs("web-1");
      await world.store.receiptDown("web-1", epoch?.id ?? "", 1);
      // Old enough for the pack version, not for the execution that was run with it.
      await world.store.purge(policy({ before: timestamp(noon + 1) }));
      for await (const store of nowAndReopened(world)) {
        expect([...(await store.referencedBlobs())].sort()).toEqual([
          "sha256:pack-1",
          "sha256:pack-2",
          "sha256:parameters",
          "sha256:result",
        ]);
      }
      const store = await world.reopen();
      await store.purge(policy());
      expect([...(await store.referencedBlobs())]).toEqual(["sha256:pack-2"]);
      await store.removePack("mypack", 2);
      expect([...(await store.referencedBlobs())]).toEqual(["sha256:pack-2"]);
      await store.purge(policy());
      expect([...(await store.referencedBlobs())]).toEqual([]);
    });

    it("of an old pack version stay while an older execution is still open", async () => {
      const world = await open();
      const { store } = world;
      await claimed(store);
      await store.putPack(packRecord(), null);
      const run = execution(1, { pack_digest: "sha256:pack-1" });
      await store.createExecutions([run], []);
      world.clock.at = noon + 10;
      await store.removePack("mypack", 1);
      await store.purge(policy());
      expect([...(await store.referencedBlobs())]).toEqual(["sha256:pack-1"]);
      await finish(store, run);
      await store.purge(policy());
      expect([...(await store.referencedBlobs())]).toEqual([]);
    });
  });
}
