/** Throttled rules: what acts at once, what is held back, and the one digest that tells of it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../hub/store/port/intake.ts";
import type { Job } from "../../../hub/store/port/jobs.ts";
import type { ThrottleAsk, ThrottleWindow } from "../../../hub/store/port/throttles.ts";
import type { Store } from "../../../hub/store/store.ts";
import { mostKeys } from "../../../hub/store/throttle-windows.ts";
import { timestamp } from "../../../shared/clock.ts";
import { derivedId } from "../../../shared/ids.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import { noon } from "../../support/records.ts";
import {
  allPages,
  claimed,
  enforcement,
  execution,
  instance,
  ledger,
  type OpenStore,
  outcome,
  request,
  take,
} from "./world.ts";

const everyMs = 60_000;
const rule = "mypack.on_change";

/** As `outcome`, of a throttled rule. */
function throttledOutcome(n: number, over: Partial<ThrottleAsk> = {}): Outcome {
  const made = outcome(n);
  const ask: ThrottleAsk = {
    enforcement: made.enforcements[0]?.id ?? "",
    rule,
    key: "",
    lane: "a",
    atMs: noon + n,
    everyMs,
    max: 1,
    collect: 2,
    ...over,
  };
  return { ...made, throttles: [ask] };
}

const all = { limit: 1000, ascending: true };
const fired = (store: Store, filter = {}) =>
  allPages((cursor) => store.enforcements(filter, { ...all, cursor }));

/** What a rule makes of a closed window: one enforcement and one execution for all. */
function digestOf(window: ThrottleWindow) {
  const newest = window.newest ?? "";
  const at = timestamp(window.until);
  const run = execution(0, {
    id: derivedId(window.until, window.id),
    created_at: at,
    rule,
    trigger_instance: newest,
    enforcement: window.id,
  });
  const told: Enforcement = {
    ...enforcement(instance(0, { id: newest }), { id: window.id, executions: [run.id] }),
    digest: {
      key: window.key,
      count: window.held,
      since: timestamp(window.since),
      until: at,
      first: window.first,
    },
  };
  return { enforcement: told, executions: [run], dispatches: [request(run)] };
}

/** Does what is due; with `dies`, the hub dies before a digest is there. */
async function wake(store: Store, now: number, dies = false): Promise<void> {
  const tell = async (job: Job): Promise<void> => {
    const window = await store.closeThrottle(String(job.data.window), now);
    if (dies && window !== null) return;
    if (window !== null) await store.deliverDigest(window.id, digestOf(window));
    await store.finishJob(job.id);
  };
  await Promise.all((await store.claimDue(now, 1_000, 1_000)).map(tell));
}

export function throttleCases(open: OpenStore): void {
  describe("a throttle", () => {
    it("lets so many act in each window, and stores the others as held back, with nothing to run", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      await world.store.takeIn(
        take(
          claim,
          0,
          [1, 2, 3].map((n) => ({ type: "outcome", outcome: throttledOutcome(n, { max: 2 }) })),
        ),
      );
      const store = await world.reopen();
      const found = await fired(store);
      expect(found.map(({ status, executions }) => [status, executions.length])).toEqual([
        ["succeeded", 1],
        ["succeeded", 1],
        ["throttled", 0],
      ]);
      expect(found[0]).not.toHaveProperty("throttle");
      const held = found[2]?.throttle;
      expect(held).toEqual({ key: "", digest: held?.digest, due: timestamp(noon + 1 + everyMs) });
      expect((await store.executions({}, all)).items).toHaveLength(2);
      expect(await ledger(store)).toHaveLength(2);
      expect((await fired(store, { digest: held?.digest })).map(({ id }) => id)).toEqual([found[2]?.id]);
      expect(await fired(store, { status: "throttled", rule })).toHaveLength(1);
      await world.close();
    });

    it("tells once of what was held back, also when it dies on the way, and the digest counts for the next window", async () => {
      const world = await open();
      for (const n of [1, 2, 3, 4]) await world.store.emit(throttledOutcome(n));
      await wake(world.store, noon + everyMs);
      expect(await fired(world.store)).toHaveLength(4);
      const due = noon + 1 + everyMs;
      await wake(world.store, due, true);
      let store = await world.reopen();
      // It belongs to the next window already.
      await store.emit(throttledOutcome(everyMs + 2));
      await wake(store, due + 1_000);
      store = await world.reopen();
      await wake(store, due + 2_000);
      const digests = (await fired(store)).filter(({ digest }) => digest !== undefined);
      expect(digests).toMatchObject([
        {
          trigger_instance: instance(4).id,
          digest: { count: 3, first: [instance(2).id, instance(3).id], until: timestamp(due) },
        },
      ]);
      expect(await fired(store, { digest: digests[0]?.id })).toHaveLength(3);
      const mine = { trigger_instance: instance(4).id };
      expect((await store.executions(mine, all)).items.map(({ id }) => id)).toEqual(digests[0]?.executions);
      expect(await fired(store, { status: "throttled" })).toHaveLength(4);
      await wake(store, due + everyMs);
      expect((await fired(store)).filter(({ digest }) => digest !== undefined)).toHaveLength(2);
      // Nothing more came: the window goes without a digest, and nothing is left of it.
      await wake(store, due + 10 * everyMs);
      expect((await fired(store)).filter(({ digest }) => digest !== undefined)).toHaveLength(2);
      expect(await store.claimDue(due + 100 * everyMs, 100, 1_000)).toEqual([]);
      await store.emit(throttledOutcome(20 * everyMs));
      expect((await fired(store)).at(-1)?.status).toBe("succeeded");
      await world.close();
    });

    it("goes by the key, and by where the action would run", async () => {
      const world = await open();
      const asks = [
        { key: "x" },
        { key: "y" },
        { key: "x" },
        { key: "x", lane: "b" },
        { key: "y", lane: "b" },
      ];
      for (const [n, ask] of asks.entries()) await world.store.emit(throttledOutcome(n, ask));
      const statuses = (await fired(world.store)).map(({ status }) => status);
      expect(statuses).toEqual(["succeeded", "succeeded", "throttled", "succeeded", "succeeded"]);
      await world.close();
    });

    it("an instance that comes again is not counted again", async () => {
      const world = await open();
      for (const n of [1, 2, 2, 1, 2]) await world.store.emit(throttledOutcome(n));
      await wake(world.store, noon + 2 * everyMs);
      expect((await fired(world.store)).flatMap(({ digest }) => digest?.count ?? [])).toEqual([1]);
      await world.close();
    });

    it("keys beyond the cap share a window, and have their own when others are over", async () => {
      const world = await open();
      const many = Array.from({ length: mostKeys }, (_, n) => throttledOutcome(n, { key: `key ${n}` }));
      await Promise.all(many.map((each) => world.store.emit(each)));
      const beyond = ["late", "later", "latest"].map((key, n) => throttledOutcome(mostKeys + n, { key }));
      for (const each of beyond) await world.store.emit(each);
      const held = await fired(world.store, { status: "throttled" });
      expect(held.map(({ throttle }) => [throttle?.key, throttle?.shared])).toEqual([
        ["later", true],
        ["latest", true],
      ]);
      expect(new Set(held.map(({ throttle }) => throttle?.digest)).size).toBe(1);
      for (let n = 0; n < 2; n++) await wake(world.store, noon + everyMs + 3_000);
      await world.store.emit(throttledOutcome(everyMs + 4_000, { key: "late" }));
      await world.store.emit(throttledOutcome(everyMs + 4_001, { key: "late" }));
      const again = (await fired(world.store, { status: "throttled" })).at(-1);
      expect(again?.throttle).toMatchObject({ key: "late" });
      expect(again?.throttle).not.toHaveProperty("shared");
      await world.close();
    });

    it("families stay until the digest has been made of them", async () => {
      const world = await open();
      for (const n of [1, 2, 3]) await world.store.emit(throttledOutcome(n));
      const policy = { before: timestamp(noon + 1_000), maxInstances: 1, batch: 100 };
      expect(await world.store.purge(policy)).toMatchObject({ instances: 0 });
      await wake(world.store, noon + 1 + everyMs);
      // The first was told to nobody else; its action, and that of the digest, are still open.
      expect(await world.store.purge(policy)).toMatchObject({ instances: 1, enforcements: 1 });
      await world.close();
    });

    it("over any sequence, what acts at once and what digests tell of is all, and nothing twice", async () => {
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.record({ key: fc.constantFrom("x", "y"), after: fc.nat(20_000) }) },
        { weight: 3, arbitrary: fc.record({ wakes: fc.constant(true), after: fc.nat(70_000) }) },
        { weight: 1, arbitrary: fc.record({ dies: fc.boolean(), after: fc.nat(70_000) }) },
      );
      const given = fc.tuple(fc.nat(3), fc.array(step, { maxLength: 40 }));
      await fc.assert(
        fc.asyncProperty(given, async ([max, steps]) => {
          const world = await open();
          let { store } = world;
          let now = 1;
          let count = 0;
          for (const each of steps) {
            now += each.after + 1;
            if ("key" in each) {
              count++;
              await store.emit(throttledOutcome(now, { key: each.key, max }));
            } else {
              await wake(store, noon + now, "dies" in each && each.dies);
              if ("dies" in each) store = await world.reopen();
            }
          }
          for (let n = 0; n < 4; n++) {
            now += 3 * everyMs;
            await wake(store, noon + now);
          }
          const records = await fired(store);
          const direct = records.filter(({ status, digest }) => status === "succeeded" && !digest);
          const digests = records.filter(({ digest }) => digest !== undefined);
          const held = records.filter(({ status }) => status === "throttled");
          expect(direct.length + held.length).toBe(count);
          expect(
            held.map(({ throttle }) => throttle?.digest).every((id) => digests.some((d) => d.id === id)),
          ).toBe(true);
          for (const { id, digest } of digests) {
            const told = held.filter(({ throttle }) => throttle?.digest === id);
            expect(digest?.count).toBe(told.length);
            expect(digest?.first).toEqual(told.slice(0, 2).map((one) => one.trigger_instance));
          }
          const runs = (await store.executions({}, all)).items;
          expect(runs.map(({ id }) => id).sort()).toEqual(
            [...direct, ...digests].flatMap(({ executions }) => executions).sort(),
          );
          expect(await ledger(store)).toHaveLength(direct.length + digests.length);
          // At most `max` runs in any window: a digest is one of them.
          for (const key of ["x", "y"]) {
            const at = [
              ...digests
                .filter(({ digest }) => digest?.key === key)
                .map(({ digest }) => Date.parse(digest?.until ?? "")),
            ];
            at.reduce((before, next) => {
              expect(next - before).toBeGreaterThanOrEqual(everyMs);
              return next;
            }, 0);
          }
          await world.close();
        }),
        { numRuns: 25 },
      );
    }, 60_000);
  });
}
