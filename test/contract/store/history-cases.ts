/** Executions, enforcements, instances: changing them by revision, and listing them without loss or repetition. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Effect } from "../../../hub/store/port/intake.ts";
import type { Store } from "../../../hub/store/store.ts";
import { timestamp } from "../../../shared/clock.ts";
import type { Status } from "../../../shared/model/execution.ts";
import { noon } from "../../support/records.ts";
import {
  allPages,
  cancel,
  claimed,
  enforcement,
  execution,
  id,
  instance,
  ledger,
  nowAndReopened,
  type OpenStore,
  outcome,
  outcomes,
  request,
  take,
} from "./world.ts";

/** `count` outcomes; every third by another trigger, every fourth pending, every fifth from another agent. */
async function history(store: Store, count: number): Promise<void> {
  const claim = await claimed(store);
  const effects = Array.from({ length: count }, (_, n): Effect => {
    const agent = n % 5 === 0 ? "db-1" : "web-1";
    const trigger = n % 3 === 0 ? "other.thing" : "mypack.changed_file";
    if (n % 4 === 0) {
      const origin = { agent, host: agent, labels: {} };
      return { type: "instance", instance: instance(n, { trigger, origin }) };
    }
    return { type: "outcome", outcome: outcome(n, agent, { trigger }) };
  });
  await store.takeIn(take(claim, 0, effects));
}

export function historyCases(open: OpenStore): void {
  describe("executions", () => {
    it("are created with their requests, once", async () => {
      const world = await open();
      await claimed(world.store);
      const runs = [1, 2].map((n) => execution(n));
      await world.store.createExecutions(
        runs,
        runs.map((run) => request(run)),
      );
      await world.store.createExecutions(
        [{ ...execution(2), trace_tag: "again" }, execution(3)],
        [request(execution(2)), request(execution(3))],
      );
      for await (const store of nowAndReopened(world)) {
        const { items } = await store.executions({}, { limit: 10, ascending: true });
        expect(items).toEqual([...runs, execution(3)]);
        expect(await ledger(store)).toEqual([`1 ${id(1)}`, `2 ${id(2)}`, `3 ${id(3)}`]);
        expect(await store.execution(id(4))).toBeNull();
      }
    });

    it("change only from the revision that was expected", async () => {
      const world = await open();
      await claimed(world.store);
      const run = execution(1);
      await world.store.createExecutions([run], []);
      const next = { ...run, status: "canceling" as const, rev: 2 };
      expect(await world.store.updateExecution({ ...next, rev: 3 }, 2, [cancel(run)])).toBe(false);
      expect(await world.store.updateExecution({ ...execution(9), rev: 2 }, 1)).toBe(false);
      expect(await ledger(world.store)).toEqual([]);
      expect(await world.store.updateExecution(next, 1, [cancel(run)])).toBe(true);
      expect(await world.store.updateExecution(next, 1, [cancel(run)])).toBe(false);
      for await (const store of nowAndReopened(world)) {
        expect(await store.execution(run.id)).toEqual(next);
        expect(await ledger(store)).toEqual([`1 ${run.id}`]);
      }
    });

    it("are found under the status they have, and under no other", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      await world.store.createExecutions(
        [1, 2, 3].map((n) => execution(n)),
        [],
      );
      const path: Status[] = ["running", "succeeded"];
      for (const [index, status] of path.entries()) {
        const next = { ...execution(2), status, rev: index + 2 };
        const effect: Effect = { type: "execution", execution: next, expectRev: index + 1 };
        expect(await world.store.takeIn(take(claim, index, [effect]))).toEqual({ done: true });
      }
      await world.store.updateExecution({ ...execution(3), status: "failed", rev: 2 }, 1);
      const expected: [status: string, ids: string[]][] = [
        ["scheduled", [id(1)]],
        ["running", []],
        ["succeeded", [id(2)]],
        ["failed", [id(3)]],
      ];
      for await (const store of nowAndReopened(world)) {
        for (const [status, ids] of expected) {
          const { items } = await store.executions({ status }, { limit: 10 });
          expect(items.map((run) => run.id)).toEqual(ids);
        }
        expect((await store.openExecutions("web-1")).map((run) => run.id)).toEqual([id(1)]);
        expect(await store.openExecutions("web-2")).toEqual([]);
      }
    });

    it("made by hand for an instance are found with it", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      await store.takeIn(take(claim, 0, outcomes([1])));
      const again = execution(5, { trigger_instance: id(1), rerun_of: outcome(1).executions[0]?.id ?? "" });
      await store.createExecutions([again], []);
      const { items } = await store.executions({ trigger_instance: id(1) }, { limit: 10, ascending: true });
      expect(items.map((run) => run.id)).toEqual([outcome(1).executions[0]?.id, again.id]);
    });
  });

  describe("lists", () => {
    it("answer every filter", async () => {
      const world = await open();
      await history(world.store, 40);
      const numbers = Array.from({ length: 40 }, (_, n) => n);
      const runs = numbers.filter((n) => n % 4 !== 0);
      for await (const store of nowAndReopened(world)) {
        const instances = async (filter: Parameters<Store["instances"]>[0]) =>
          (await store.instances(filter, { limit: 100, ascending: true })).items.map((found) => found.id);
        const executions = async (filter: Parameters<Store["executions"]>[0]) =>
          (await store.executions(filter, { limit: 100, ascending: true })).items.map(
            (found) => found.trigger_instance,
          );
        const enforcements = async (filter: Parameters<Store["enforcements"]>[0]) =>
          (await store.enforcements(filter, { limit: 100, ascending: true })).items.map(
            (found) => found.trigger_instance,
          );
        const where = (list: number[], keep: (n: number) => boolean) => list.filter(keep).map(id);
        expect(await instances({})).toEqual(where(numbers, () => true));
        expect(await instances({ trigger: "other.thing" })).toEqual(where(numbers, (n) => n % 3 === 0));
        expect(await instances({ trigger: "other" })).toEqual([]);
        expect(await instances({ agent: "db-1" })).toEqual(where(numbers, (n) => n % 5 === 0));
        expect(await instances({ status: "pending" })).toEqual(where(numbers, (n) => n % 4 === 0));
        expect(await instances({ status: "processed", agent: "db-1", trigger: "other.thing" })).toEqual(
          where(runs, (n) => n % 15 === 0),
        );
        expect(await executions({})).toEqual(where(runs, () => true));
        expect(await executions({ agent: "db-1", status: "scheduled" })).toEqual(
          where(runs, (n) => n % 5 === 0),
        );
        expect(await executions({ status: "scheduled" })).toEqual(where(runs, () => true));
        expect(await executions({ rule: "mypack.on_change", action: "core.noop" })).toHaveLength(runs.length);
        const others = [
          { rule: "mypack.other" },
          { action: "core.echo" },
          { agent: "db-2" },
          { status: "succeeded" },
          { trigger_instance: id(8) },
        ];
        const ours = [{ rule: "mypack.on_change" }, { action: "core.noop" }, { agent: "db-1" }, {}];
        for (const other of others) {
          for (const our of ours) expect(await executions({ ...our, ...other })).toEqual([]);
        }
        for (const other of [{ trigger: "no.such" }, { agent: "db-2" }, { status: "processing" as const }]) {
          for (const our of [{ trigger: "other.thing" }, { agent: "db-1" }, { status: "pending" as const }]) {
            expect(await instances({ ...our, ...other })).toEqual([]);
          }
        }
        expect(await executions({ trigger_instance: id(7) })).toEqual([id(7)]);
        expect(await executions({ trigger_instance: id(7), status: "failed" })).toEqual([]);
        expect(await enforcements({ rule: "mypack.on_change" })).toEqual(where(runs, () => true));
        expect(await enforcements({ status: "failed" })).toEqual([]);
        expect(await enforcements({ trigger_instance: id(7), status: "succeeded" })).toEqual([id(7)]);
      }
    });

    it("come whole and in order, whatever the size of a page, the filter and the direction", async () => {
      const { store } = await open();
      await history(store, 61);
      const lists: ((page: Parameters<Store["gaps"]>[0]) => Promise<{ items: readonly { id: string }[] }>)[] =
        [
          (page) => store.instances({}, page),
          (page) => store.instances({ trigger: "other.thing" }, page),
          (page) => store.instances({ status: "pending", agent: "web-1" }, page),
          (page) => store.instances({ status: "processed", trigger: "other.thing" }, page),
          (page) => store.executions({}, page),
          (page) => store.executions({ agent: "db-1" }, page),
          (page) => store.executions({ trigger_instance: id(7) }, page),
          (page) => store.executions({ status: "scheduled" }, page),
          (page) => store.executions({ status: "scheduled", agent: "db-1" }, page),
          (page) => store.enforcements({}, page),
          (page) => store.enforcements({ status: "succeeded" }, page),
          (page) => store.enforcements({ rule: "mypack.on_change" }, page),
        ];
      const wholes = await Promise.all(lists.map((list) => list({ limit: 1000, ascending: true })));
      await fc.assert(
        fc.asyncProperty(
          fc.nat(lists.length - 1),
          fc.integer({ min: -1, max: 70 }),
          fc.boolean(),
          async (which, limit, ascending) => {
            const list = lists[which];
            if (list === undefined) return;
            const pages: number[] = [];
            const found = await allPages(async (cursor) => {
              const page = await list({ limit, cursor, ascending });
              pages.push(page.items.length);
              return page;
            });
            const whole = wholes[which]?.items ?? [];
            expect(found).toEqual(ascending ? whole : [...whole].reverse());
            expect(Math.max(...pages)).toBeLessThanOrEqual(Math.max(1, limit));
            // Every page but the last is full, and none is empty but the only one.
            for (const size of pages.slice(0, -1)) expect(size).toBe(Math.max(1, limit));
            if (whole.length > 0) expect(pages).not.toContain(0);
          },
        ),
        { numRuns: 150 },
      );
    });

    it("begin at `since`", async () => {
      const { store } = await open();
      await history(store, 30);
      const since = timestamp(noon + 20);
      for (const ascending of [true, false]) {
        const page = { limit: 4, since, ascending };
        const instances = await allPages((cursor) => store.instances({}, { ...page, cursor }));
        expect(instances.map((found) => found.received_at).sort()[0]).toBe(since);
        expect(instances).toHaveLength(10);
        const executions = await allPages((cursor) => store.executions({}, { ...page, cursor }));
        expect(executions.map((found) => found.created_at).sort()[0]).toBe(timestamp(noon + 21));
        const family = await store.executions({ trigger_instance: id(7) }, page);
        expect(family.items).toEqual([]);
        if (!ascending) continue;
        // A cursor of a list that began earlier.
        const { cursor } = await store.instances({}, { limit: 5, ascending });
        const { items } = await store.instances({}, { ...page, cursor });
        expect(items[0]?.id).toBe(id(20));
      }
    });

    it("end before `until`", async () => {
      const { store } = await open();
      await history(store, 30);
      const until = timestamp(noon + 20);
      for (const ascending of [true, false]) {
        const page = { limit: 4, until, ascending };
        const instances = await allPages((cursor) => store.instances({}, { ...page, cursor }));
        expect(
          instances
            .map((found) => found.received_at)
            .sort()
            .at(-1),
        ).toBe(timestamp(noon + 19));
        expect(instances).toHaveLength(20);
        const executions = await allPages((cursor) => store.executions({}, { ...page, cursor }));
        expect(
          executions
            .map((found) => found.created_at)
            .sort()
            .at(-1),
        ).toBe(timestamp(noon + 19));
        const both = { ...page, limit: 100, since: timestamp(noon + 18) };
        expect((await store.instances({}, both)).items).toHaveLength(2);
        expect((await store.instances({}, { ...both, since: timestamp(noon + 25) })).items).toEqual([]);
        expect((await store.executions({ trigger_instance: id(7) }, page)).items).toHaveLength(1);
        expect((await store.executions({ trigger_instance: id(25) }, page)).items).toEqual([]);
        if (ascending) continue;
        // A cursor of a list that ended later.
        const { cursor } = await store.instances({}, { limit: 5, ascending });
        expect((await store.instances({}, { ...page, cursor })).items[0]?.id).toBe(id(19));
      }
    });

    it("show whoever follows the order of intake everything, also what arrives meanwhile", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const seen: string[] = [];
      const sent: string[] = [];
      let cursor: string | undefined;
      for (let round = 0; round < 20; round++) {
        // Received by the hub's clock, but not taken in in exactly that order.
        const received = timestamp(noon + (round % 2 === 0 ? round : round - 2));
        const fresh = [2 * round, 2 * round + 1].map((n) => instance(n, { received_at: received }));
        sent.push(...fresh.map((found) => found.id));
        await store.takeIn(
          take(
            claim,
            round * 2,
            fresh.map((each) => ({ type: "instance", instance: each })),
          ),
        );
        const page = await store.instances({}, { limit: 3, ascending: true, cursor });
        seen.push(...page.items.map((found) => found.id));
        cursor = page.cursor ?? cursor;
        if (page.cursor === undefined) seen.splice(seen.length - page.items.length);
      }
      const rest = await allPages((next) =>
        store.instances({}, { limit: 3, ascending: true, cursor: next ?? cursor }),
      );
      expect([...seen, ...rest.map((found) => found.id)]).toEqual(sent);
    });

    it("take a name with any characters for what it is", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const names = ["a/b", "a", "a!", "%", "", "ü.漢", "x".repeat(5000), "x".repeat(5001), "a0", "\ud800"];
      const effects = names.map(
        (trigger, n): Effect => ({ type: "instance", instance: instance(n, { trigger }) }),
      );
      await world.store.takeIn(take(claim, 0, effects));
      for await (const store of nowAndReopened(world)) {
        for (const [n, trigger] of names.slice(0, -1).entries()) {
          const { items } = await store.instances({ trigger }, { limit: 10 });
          expect(items.map((found) => found.id)).toEqual([id(n)]);
        }
      }
    });

    it("look for what is rare in bounded steps, and lose nothing by it", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const rare = [0, 6_999];
      const effects = Array.from({ length: 7_000 }, (_, n): Effect => {
        const trigger = rare.includes(n) ? "rare.thing" : "usual.thing";
        return { type: "instance", instance: instance(n, { trigger }) };
      });
      await store.takeIn(take(claim, 0, effects));
      const filter = { trigger: "rare.thing", status: "pending" } as const;
      const pages: number[] = [];
      const found = await allPages(async (cursor) => {
        const page = await store.instances(filter, { limit: 10, ascending: true, cursor });
        pages.push(page.items.length);
        return page;
      });
      expect(found.map((each) => each.id)).toEqual(rare.map(id));
      expect(pages).toEqual([1, 1]);
    });

    it("survive a cursor that nobody gave out", async () => {
      const { store } = await open();
      await history(store, 10);
      for (const cursor of ["~", "", "/", "0", "\uffff", "../e/", "e/"]) {
        for (const ascending of [true, false]) {
          const { items } = await store.instances({}, { limit: 100, cursor, ascending });
          expect(items.every((found) => found.trigger !== undefined)).toBe(true);
        }
      }
    });
  });

  it("a failed enforcement is found by its status", async () => {
    const { store } = await open();
    const claim = await claimed(store);
    const made = outcome(1);
    const failed = enforcement(made.instance, { status: "failed", failure_reason: "no such parameter" });
    await store.takeIn(
      take(claim, 0, [
        { type: "outcome", outcome: { ...made, enforcements: [failed], executions: [], dispatches: [] } },
        ...outcomes([2]),
      ]),
    );
    expect((await store.enforcements({ status: "failed" }, { limit: 5 })).items).toEqual([failed]);
    expect((await store.enforcements({ status: "failed", rule: "mypack.b" }, { limit: 5 })).items).toEqual(
      [],
    );
  });
}
