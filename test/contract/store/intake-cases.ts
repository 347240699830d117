/** Taking in: effect and mark together or not at all, once, and only by the owner. */
import { describe, expect, it } from "vitest";
import type { Effect } from "../../../hub/store/port/intake.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { anAgent, noon } from "../../support/records.ts";
import { waitUntil } from "../../support/wait-until.ts";
import {
  allPages,
  claimed,
  execution,
  id,
  instance,
  lease,
  ledger,
  nowAndReopened,
  type OpenStore,
  outcome,
  outcomes,
  request,
  ruleRecord,
  take,
} from "./world.ts";

const letter = {
  id: id(7),
  agent: "web-1",
  received_at: "2026-11-22T12:00:00.007Z",
  code: "TRIGGER_PAYLOAD",
  reason: "no such thing",
  entry: { kind: "trigger" },
};
const gap = {
  id: id(8),
  agent: "web-1",
  direction: "up" as const,
  epoch: "E1",
  from: 3,
  to: 4,
  reason: "gone",
  recorded_at: "2026-11-22T12:00:00.008Z",
};
const sensor = {
  agent: "web-1",
  sensor: "mypack.DirectorySensor",
  state: "running" as const,
  pid: 12,
  restarts: 0,
  last_error: null,
  since: "2026-11-22T12:00:00.000Z",
};

export function intakeCases(open: OpenStore): void {
  describe("taking in", () => {
    it("writes an execution whose record was lost, and leaves one alone that is there", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const lost = execution(1, { reason: "recovered" });
      expect(await world.store.takeIn(take(claim, 0, [{ type: "recovered", execution: lost }]))).toEqual({
        done: true,
      });
      expect(await world.store.execution(lost.id)).toEqual(lost);
      expect(await world.store.openExecutions("web-1")).toEqual([lost]);
      const other = { ...lost, action: "other.action" };
      expect(await world.store.takeIn(take(claim, 1, [{ type: "recovered", execution: other }]))).toEqual({
        done: true,
      });
      expect(await world.store.execution(lost.id)).toEqual(lost);
    });

    it("leaves an execution alone that came back without its trigger, when that is judged", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const judged = outcome(1);
      const [made] = judged.executions;
      if (made === undefined) throw new Error("the outcome has no execution");
      const back: Execution = { ...made, trigger_instance: null, status: "succeeded", rev: 4 };
      const pending: TriggerInstance = { ...judged.instance, status: "pending" };
      const effects: Effect[] = [
        { type: "recovered", execution: back },
        { type: "instance", instance: pending },
      ];
      await world.store.takeIn(take(claim, 0, effects));
      expect(await world.store.process(judged)).toBe(true);
      expect(await world.store.execution(back.id)).toEqual(back);
      expect(await ledger(world.store)).toEqual([]);
    });

    it("writes an execution that has ended as it came back, with how it ended", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const back = execution(1, { reason: "recovered", status: "scheduled" });
      const ended: Execution = { ...back, status: "succeeded", rev: 2 };
      const effects: Effect[] = [
        { type: "recovered", execution: back },
        { type: "execution", execution: ended, expectRev: 1 },
      ];
      expect(await world.store.takeIn(take(claim, 0, effects))).toEqual({ done: true });
      expect(await world.store.execution(back.id)).toEqual(ended);
      expect(await world.store.openExecutions("web-1")).toEqual([]);
    });

    it("puts a job on the clock together with what asks for it", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const job = { id: "fetch/1", kind: "fetch", dueAt: noon + 5, data: { digest: "sha256:1" } };
      const conflict: Effect = { type: "execution", execution: execution(1, { rev: 2 }), expectRev: 1 };
      expect(await world.store.takeIn(take(claim, 0, [{ type: "job", job }, conflict]))).toMatchObject({
        why: "conflict",
      });
      expect(await world.store.claimDue(noon + 10, 10, lease)).toEqual([]);
      expect(await world.store.takeIn(take(claim, 0, [{ type: "job", job }]))).toEqual({ done: true });
      for await (const store of nowAndReopened(world)) {
        expect(await store.claimDue(noon + 4, 10, lease)).toEqual([]);
      }
      expect(await (await world.reopen()).claimDue(noon + 5, 10, lease)).toEqual([job]);
    });

    it("keeps effects and mark over a reopening", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const effects: Effect[] = [
        { type: "instance", instance: instance(1) },
        ...outcomes([2]),
        { type: "dead-letter", letter },
        { type: "gap", gap },
        { type: "sensor", sensor },
        { type: "agent", agent: anAgent(), expectRev: null },
      ];
      expect(await world.store.takeIn(take(claim, 0, effects))).toEqual({ done: true });
      for await (const store of nowAndReopened(world)) {
        const made = outcome(2);
        expect(await store.marks("web-1", ["E1", "E2"])).toEqual(
          new Map([
            ["E1", 6],
            ["E2", 0],
          ]),
        );
        expect(await store.instance(id(1))).toEqual(instance(1));
        expect(await store.instance(id(2))).toEqual(made.instance);
        expect(await store.enforcement(made.enforcements[0]?.id ?? "")).toEqual(made.enforcements[0]);
        expect(await store.execution(made.executions[0]?.id ?? "")).toEqual(made.executions[0]);
        expect((await store.deadLetters({ limit: 10 })).items).toEqual([letter]);
        expect(await store.deadLetter(letter.id)).toEqual(letter);
        expect((await store.gaps({ limit: 10 })).items).toEqual([gap]);
        expect(await store.sensors("web-1")).toEqual([sensor]);
        expect(await store.agent("web-1")).toEqual(anAgent());
        expect(await store.pendingInstances(10)).toEqual([instance(1)]);
        expect(await store.counts()).toEqual({ instances: 2, pending: 1, dead_letters: 1 });
      }
    });

    it("refuses when the mark stands elsewhere, and says where", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      await store.takeIn(take(claim, 0, outcomes([1, 2])));
      expect(await store.takeIn(take(claim, 0, outcomes([3])))).toEqual({
        done: false,
        why: "mark",
        mark: 2,
      });
      expect(await store.takeIn(take(claim, 3, outcomes([3])))).toMatchObject({ why: "mark", mark: 2 });
      expect(await store.instance(id(3))).toBeNull();
    });

    it("takes a trigger that comes again in another epoch once", async () => {
      const world = await open();
      const first = await claimed(world.store);
      await world.store.takeIn(
        take(first, 0, [{ type: "instance", instance: instance(1) }, ...outcomes([2])]),
      );
      const before = await ledger(world.store);
      const later = { received_at: "2026-11-22T13:00:00.000Z" };
      const again: Effect[] = [
        { type: "instance", instance: instance(1, later) },
        { type: "outcome", outcome: outcome(2, "web-1", later) },
        { type: "outcome", outcome: outcome(1) },
        // The same one twice in one packet.
        ...outcomes([3, 3]),
      ];
      const store = await world.reopen();
      const claim = await claimed(store);
      expect(await store.takeIn(take(claim, 0, again, "E2"))).toEqual({ done: true });
      expect(await store.instance(id(1))).toEqual(instance(1));
      expect(await store.instance(id(2))).toEqual(outcome(2).instance);
      expect((await store.instances({}, { limit: 10 })).items.map((found) => found.id)).toEqual([
        id(3),
        id(2),
        id(1),
      ]);
      expect(await ledger(store)).toEqual([...before, `1 ${outcome(3).executions[0]?.id}`]);
      expect(await store.counts()).toMatchObject({ instances: 3, pending: 1 });
    });

    it("writes nothing for an owner that was replaced", async () => {
      const { store } = await open();
      const old = await claimed(store);
      expect(await store.claimAgent("hub-b", "web-1", lease, old.until - 1)).toBeNull();
      const now = await store.claimAgent("hub-b", "web-1", lease, old.until);
      expect(now?.fence).toBeGreaterThan(old.fence);
      expect(await store.takeIn(take(old, 0, outcomes([1])))).toEqual({ done: false, why: "not-owner" });
      expect(await store.renewClaim(old, lease, old.until)).toBe(false);
      expect(await store.instance(id(1))).toBeNull();
      expect(await store.marks("web-1", ["E1"])).toEqual(new Map([["E1", 0]]));
      const never = { ...old, agent: "web-2" };
      expect(await store.takeIn(take(never, 0, outcomes([1], "web-2")))).toMatchObject({ why: "not-owner" });
    });

    it("keeps the mark of each agent and of each of its epochs apart", async () => {
      const world = await open();
      const claims = await Promise.all(["web-1", "web-10", "web/1"].map((of) => claimed(world.store, of)));
      for (const [index, claim] of claims.entries()) {
        const effects = outcomes(
          [1, 2, 3].slice(index).map((n) => n + index * 10),
          claim.agent,
        );
        expect(await world.store.takeIn(take(claim, 0, effects))).toEqual({ done: true });
        expect(await world.store.takeIn(take(claim, 0, [], "E/1"))).toEqual({ done: true });
      }
      for await (const store of nowAndReopened(world)) {
        for (const [index, { agent }] of claims.entries()) {
          const marks = await store.marks(agent, ["E1", "E/1", "E"]);
          expect([...marks]).toEqual([
            ["E1", 3 - index],
            ["E/1", 1],
            ["E", 0],
          ]);
        }
      }
    });

    it("writes nothing at all when one record has changed meanwhile", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const run = execution(5);
      await world.store.createExecutions([run], [request(run)]);
      const before = await ledger(world.store);
      const stale: Effect = {
        type: "execution",
        execution: { ...run, status: "running", rev: 3 },
        expectRev: 2,
      };
      const effects = [...outcomes([1]), stale, { type: "dead-letter", letter } as const];
      const conflict = { done: false, why: "conflict", id: run.id };
      expect(await world.store.takeIn(take(claim, 0, effects))).toEqual(conflict);
      const unknown: Effect = { ...stale, execution: { ...stale.execution, id: id(6) } };
      expect(await world.store.takeIn(take(claim, 0, [unknown]))).toMatchObject({ id: id(6) });
      const agent: Effect = { type: "agent", agent: anAgent(), expectRev: 1 };
      expect(await world.store.takeIn(take(claim, 0, [agent]))).toMatchObject({ id: "web-1" });
      for await (const store of nowAndReopened(world)) {
        expect(await store.instance(id(1))).toBeNull();
        expect((await store.deadLetters({ limit: 10 })).items).toEqual([]);
        expect(await ledger(store)).toEqual(before);
        expect(await store.marks("web-1", ["E1"])).toEqual(new Map([["E1", 0]]));
        expect(await store.counts()).toEqual({ instances: 0, pending: 0, dead_letters: 0 });
      }
    });

    it("keeps a dead letter as it was first set aside, counted once", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      await world.store.takeIn(take(claim, 0, [{ type: "dead-letter", letter }]));
      // As an agent sends it that was rolled back, in an epoch of its own.
      const again = { ...letter, received_at: "2026-11-22T13:00:00.000Z", reason: "another" };
      const second = { ...take(claim, 0, [{ type: "dead-letter", letter: again }]), epoch: "E2" };
      expect(await world.store.takeIn(second)).toEqual({ done: true });
      for await (const store of nowAndReopened(world)) {
        expect((await store.deadLetters({ limit: 10 })).items).toEqual([letter]);
        expect(await store.counts()).toMatchObject({ dead_letters: 1 });
      }
    });

    it("lets exactly one of many takers of the same mark win", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, n) => store.takeIn(take(claim, 0, outcomes([n])))),
      );
      expect(results.filter(({ done }) => done)).toHaveLength(1);
      expect(results.filter(({ done }) => !done)).toEqual(
        Array.from({ length: 39 }, () => ({ done: false, why: "mark", mark: 1 })),
      );
      expect((await store.instances({}, { limit: 100 })).items).toHaveLength(1);
      expect(await ledger(store)).toHaveLength(1);
    });

    it("takes many agents at once, each in its own order", async () => {
      const world = await open();
      const agents = Array.from({ length: 30 }, (_, n) => `host-${n}`);
      const claims = await Promise.all(agents.map((agent) => claimed(world.store, agent)));
      const results = await Promise.all(
        claims.flatMap((claim, index) =>
          Array.from({ length: 10 }, (_, step) =>
            world.store.takeIn(take(claim, step, outcomes([index * 10 + step], claim.agent))),
          ),
        ),
      );
      expect(results.every(({ done }) => done)).toBe(true);
      const store = await world.reopen();
      for (const [index, agent] of agents.entries()) {
        const expected = Array.from({ length: 10 }, (_, step) => index * 10 + step);
        const listed = await store.instances({ agent }, { limit: 100, ascending: true });
        expect(listed.items.map((found) => found.id)).toEqual(expected.map(id));
        expect(await ledger(store, agent)).toEqual(
          expected.map((n, step) => `${step + 1} ${outcome(n, agent).executions[0]?.id}`),
        );
      }
    });

    it("lets executions of one agent change concurrently only one after the other", async () => {
      const { store } = await open();
      const run = execution(1);
      await store.createExecutions([run], []);
      const changes = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          store.updateExecution({ ...run, status: "running", trace_tag: `${n}`, rev: 2 }, 1),
        ),
      );
      expect(changes.filter(Boolean)).toHaveLength(1);
      expect(await store.execution(run.id)).toMatchObject({ rev: 2, trace_tag: `${changes.indexOf(true)}` });
    });

    it("has written nothing when a batch failed, and takes the same in later", async () => {
      const world = await open();
      const { store } = world;
      const claim = await claimed(store);
      await store.takeIn(take(claim, 0, outcomes([1])));
      world.failWrite();
      const attempts = [
        store.takeIn(take(claim, 1, outcomes([2]))),
        // Rests on what the first would have written: it must fail with it.
        store.takeIn(take(claim, 1, outcomes([3]))),
        store.takeIn(take(claim, 2, outcomes([4]))),
        store.setKey("st2kv.system", "a", "1"),
      ];
      for (const attempt of attempts) await expect(attempt).rejects.toMatchObject({ code: "STORE_WRITE" });
      expect(await store.marks("web-1", ["E1"])).toEqual(new Map([["E1", 1]]));
      expect(await store.instance(id(2))).toBeNull();
      expect(await ledger(store)).toHaveLength(1);
      await waitUntil("the store takes entries in again", async () => {
        return (await store.takeIn(take(claim, 1, outcomes([2])))).done;
      });
      const reopened = await world.reopen();
      expect(await reopened.marks("web-1", ["E1"])).toEqual(new Map([["E1", 2]]));
      expect(await reopened.instance(id(2))).not.toBeNull();
      expect(await reopened.instance(id(3))).toBeNull();
      expect(await ledger(reopened)).toEqual([1, 2].map((n) => `${n} ${outcome(n).executions[0]?.id}`));
    });
  });

  it("believes the disk after a failure: a batch that is there after all has been taken in", async () => {
    const world = await open();
    const { store } = world;
    const claim = await claimed(store);
    await store.takeIn(take(claim, 0, outcomes([1])));
    await store.putAgent(anAgent(), null);
    const attempts = [
      () => store.takeIn(take(claim, 1, outcomes([2]))),
      () => store.putAgent(anAgent({ rev: 2 }), 1),
      () => store.changeRules([ruleRecord("a")], [], 0),
    ];
    for (const attempt of attempts) {
      world.failWrite({ isWritten: true });
      await expect(attempt()).rejects.toMatchObject({ code: "STORE_WRITE" });
      await waitUntil("the store takes writes again", async () => {
        await store.setKey("scope", "name", "value");
        return true;
      });
    }
    expect(await store.takeIn(take(claim, 1, outcomes([3])))).toEqual({ done: false, why: "mark", mark: 2 });
    expect(await store.takeIn(take(claim, 2, outcomes([3])))).toEqual({ done: true });
    expect(await store.putAgent(anAgent({ rev: 2 }), 1)).toBe(false);
    expect((await store.ruleSet()).version).toBe(1);
    expect(await ledger(store)).toEqual([1, 2, 3].map((n) => `${n} ${outcome(n).executions[0]?.id}`));
    expect(await store.counts()).toMatchObject({ instances: 3 });
  });

  describe("an instance that came by no ledger", () => {
    const emitted = (n: number) => outcome(n, "web-1", { origin: { agent: null, host: null, labels: {} } });

    it("is written once, with what it led to", async () => {
      const world = await open();
      await claimed(world.store);
      const results = await Promise.all(Array.from({ length: 5 }, () => world.store.emit(emitted(1))));
      expect(results.filter(Boolean)).toHaveLength(1);
      for await (const store of nowAndReopened(world)) {
        expect(await store.instance(id(1))).toEqual(emitted(1).instance);
        const family = { trigger_instance: id(1) };
        expect((await store.enforcements(family, { limit: 9 })).items).toEqual(emitted(1).enforcements);
        expect((await store.executions(family, { limit: 9 })).items).toEqual(emitted(1).executions);
        expect(await ledger(store)).toEqual([`1 ${emitted(1).executions[0]?.id}`]);
        expect(await store.counts()).toMatchObject({ instances: 1, pending: 0 });
        expect(await store.emit(emitted(1))).toBe(false);
      }
    });

    it("is refused whole when an agent has brought one of this id", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      await store.takeIn(take(claim, 0, [{ type: "instance", instance: instance(1) }]));
      expect(await store.emit(emitted(1))).toBe(false);
      expect(await store.instance(id(1))).toEqual(instance(1));
      expect((await store.executions({}, { limit: 9 })).items).toEqual([]);
      expect((await store.enforcements({}, { limit: 9 })).items).toEqual([]);
      expect(await ledger(store)).toEqual([]);
    });
  });

  describe("judging a pending instance", () => {
    it("writes what it led to once", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      await world.store.takeIn(
        take(
          claim,
          0,
          [1, 2].map((n) => ({ type: "instance", instance: instance(n) })),
        ),
      );
      expect(await world.store.process(outcome(1))).toBe(true);
      expect(await world.store.process(outcome(1))).toBe(false);
      expect(await world.store.process(outcome(9))).toBe(false);
      for await (const store of nowAndReopened(world)) {
        expect(await store.instance(id(1))).toEqual(outcome(1).instance);
        expect(await store.pendingInstances(10)).toEqual([instance(2)]);
        expect((await store.instances({ status: "processed" }, { limit: 10 })).items).toHaveLength(1);
        expect((await store.executions({ trigger_instance: id(1) }, { limit: 10 })).items).toEqual(
          outcome(1).executions,
        );
        expect(await ledger(store)).toHaveLength(1);
        expect(await store.counts()).toMatchObject({ instances: 2, pending: 1 });
      }
    });

    it("leaves executions that exist already as they are, and does not send their requests again", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const made = outcome(1);
      const [run] = made.executions;
      if (run === undefined) throw new Error("an outcome has an execution");
      await store.takeIn(take(claim, 0, [{ type: "instance", instance: instance(1) }]));
      await store.createExecutions([{ ...run, trace_tag: "first" }], [request(run)]);
      expect(await store.process(made)).toBe(true);
      expect(await store.execution(run.id)).toMatchObject({ trace_tag: "first" });
      expect(await ledger(store)).toHaveLength(1);
    });

    it("hands pending instances back in the order of intake", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      // A host whose clock is behind makes ids that sort before those taken in earlier.
      const order = [5, 2, 9, 1];
      for (const [mark, n] of order.entries()) {
        const received = instance(mark).received_at;
        const effect: Effect = { type: "instance", instance: instance(n, { received_at: received }) };
        await store.takeIn(take(claim, mark, [effect]));
      }
      expect((await store.pendingInstances(3)).map((found) => found.id)).toEqual([5, 2, 9].map(id));
      const listed = await allPages((cursor) => store.instances({}, { limit: 2, cursor, ascending: true }));
      expect(listed.map((found) => found.id)).toEqual(order.map(id));
    });
  });
}
