/** What the store tells of itself: in the batch that makes it true, once, and only to who listens. */
import { describe, expect, test } from "vitest";
import type { Occurrence, Teller } from "../../../hub/store/occurrence.ts";
import { timestamp } from "../../../shared/clock.ts";
import { derivedId } from "../../../shared/ids.ts";
import { anAgent, noon } from "../../support/records.ts";
import { claimed, execution, instance, type OpenStore, outcome, take } from "./world.ts";

const nameOf = (occurrence: Occurrence): string => {
  switch (occurrence.type) {
    case "ended":
    case "late-result":
      return occurrence.execution.id;
    case "sensor-failed":
    case "sensor-spawned":
      return occurrence.sensor.sensor;
    case "sensor-exited":
      return `${occurrence.sensor.sensor}/${occurrence.pid}`;
    case "dead-letter":
      return occurrence.letter.id;
    case "agent-lost":
    case "agent-back":
      return `${occurrence.agent.id}/${occurrence.agent.rev}`;
    case "key":
      return `${occurrence.id}: ${occurrence.before} ${occurrence.after}`;
  }
};

/** Tells all of these types. */
function teller(...types: readonly Occurrence["type"][]): Teller {
  return {
    wants: (type) => types.includes(type),
    tell: (occurrence) => [
      instance(1, {
        id: derivedId(noon + 1, occurrence.type, nameOf(occurrence)),
        trigger: `told.${occurrence.type}`,
        payload: nameOf(occurrence),
      }),
    ],
  };
}

export function newsCases(open: OpenStore): void {
  describe("news", () => {
    const told = async (store: Awaited<ReturnType<OpenStore>>["store"], trigger: string) =>
      (await store.instances({ trigger }, { limit: 100 })).items.map(({ payload, status }) => [
        payload,
        status,
      ]);

    test("the end of an execution is pending in the batch that ends it, and is told once", async () => {
      const world = await open({ teller: teller("ended") });
      const { store } = world;
      const claim = await claimed(store);
      await store.takeIn(take(claim, 0, [{ type: "outcome", outcome: outcome(5) }]));
      const [run] = outcome(5).executions;
      if (run === undefined) throw new Error("no execution");
      const running = { ...run, status: "running" as const, rev: 2 };
      await store.takeIn(take(claim, 1, [{ type: "execution", execution: running, expectRev: 1 }]));
      expect(await told(store, "told.ended")).toEqual([]);
      const ended = { ...run, status: "succeeded" as const, rev: 3 };
      const last = take(claim, 2, [{ type: "execution", execution: ended, expectRev: 2 }]);
      expect(await store.takeIn(last)).toEqual({ done: true });
      expect(await store.takeIn(last)).toMatchObject({ done: false, why: "mark" });
      // What comes to an execution that has ended is not its end.
      await store.updateExecution({ ...ended, reason: "seen", rev: 4 }, 3);
      expect(await told(store, "told.ended")).toEqual([[run.id, "pending"]]);
      expect((await store.pendingInstances(10)).map(({ payload }) => payload)).toEqual([run.id]);
      const again = await world.reopen();
      expect((await again.pendingInstances(10)).map(({ payload }) => payload)).toEqual([run.id]);
    });

    test("a batch that fails tells nothing; made again it tells once", async () => {
      const world = await open({ teller: teller("ended") });
      const { store } = world;
      const run = execution(7);
      await store.createExecutions([run], []);
      const ended = { ...run, status: "canceled" as const, rev: 2 };
      world.failWrite();
      await expect(store.updateExecution(ended, 1)).rejects.toMatchObject({ code: "STORE_WRITE" });
      for (let done = false; !done; ) done = await store.updateExecution(ended, 1).catch(() => false);
      expect(await told(store, "told.ended")).toEqual([[run.id, "pending"]]);
    });

    test("one that failed before it could be sent has ended, too; so has one whose late result comes", async () => {
      const { store } = await open({ teller: teller("ended", "late-result") });
      await store.createExecutions([execution(1, { status: "failed" }), execution(2)], []);
      await store.updateExecution(execution(2, { status: "abandoned", rev: 2 }), 1);
      const late = { status: "succeeded", result: 1 };
      await store.updateExecution(execution(2, { status: "abandoned", late_result: late, rev: 3 }), 2);
      await store.updateExecution(execution(2, { status: "abandoned", late_result: late, rev: 4 }), 3);
      const ids = (await told(store, "told.ended")).map(([id]) => id).sort();
      expect(ids).toEqual([execution(1).id, execution(2).id]);
      expect(await told(store, "told.late-result")).toEqual([[execution(2).id, "pending"]]);
    });

    test("without a listener nothing is written", async () => {
      const { store } = await open();
      await store.createExecutions([execution(1, { status: "failed" })], []);
      expect(await store.counts()).toMatchObject({ instances: 0, pending: 0 });
    });

    test("agents that are lost and come back, sensors that fail, and dead letters", async () => {
      const { store } = await open({
        teller: teller("agent-lost", "agent-back", "sensor-failed", "dead-letter"),
      });
      const claim = await claimed(store);
      const away = anAgent({ online: false });
      await store.putAgent(away, null);
      await store.putAgent({ ...away, lost: timestamp(noon), rev: 2 }, 1);
      await store.putAgent({ ...away, lost: timestamp(noon), labels: { a: "b" }, rev: 3 }, 2);
      await store.putAgent({ ...away, online: true, rev: 4 }, 3);
      expect(await told(store, "told.agent-lost")).toEqual([["web-1/2", "pending"]]);
      expect(await told(store, "told.agent-back")).toEqual([["web-1/4", "pending"]]);

      const sensor = (state: "running" | "failed") => ({
        type: "sensor" as const,
        sensor: {
          ...{ agent: "web-1", sensor: "mypack.S", state, pid: null, restarts: 3, last_error: "gone" },
          since: timestamp(noon),
        },
      });
      await store.takeIn(take(claim, 0, [sensor("running"), sensor("failed"), sensor("failed")]));
      await store.takeIn(take(claim, 3, [sensor("failed")]));
      expect(await told(store, "told.sensor-failed")).toEqual([["mypack.S", "pending"]]);

      const letter = {
        ...{ id: "l1", agent: "web-1", received_at: timestamp(noon), code: "WIRE_PACKET", reason: "odd" },
        entry: {},
      };
      await store.takeIn(take(claim, 4, [{ type: "dead-letter", letter }]));
      await store.takeIn(take(claim, 5, [{ type: "dead-letter", letter }]));
      expect(await told(store, "told.dead-letter")).toEqual([["l1", "pending"]]);
    });

    test("a sensor's process is told when it runs and when it has gone, once each", async () => {
      const { store } = await open({ teller: teller("sensor-spawned", "sensor-exited") });
      const claim = await claimed(store);
      const says = (state: "running" | "backing-off", pid: number | null) => ({
        type: "sensor" as const,
        sensor: {
          ...{ agent: "web-1", sensor: "mypack.S", state, pid, restarts: 0, last_error: null },
          since: timestamp(noon),
        },
      });
      await store.takeIn(take(claim, 0, [says("running", 7), says("running", 7)]));
      expect(await told(store, "told.sensor-spawned")).toEqual([["mypack.S", "pending"]]);
      expect(await told(store, "told.sensor-exited")).toEqual([]);
      await store.takeIn(take(claim, 2, [says("backing-off", null), says("backing-off", null)]));
      expect(await told(store, "told.sensor-exited")).toEqual([["mypack.S/7", "pending"]]);
      // What was between two states that an agent tells may be left out.
      await store.takeIn(take(claim, 4, [says("running", 8), says("running", 9)]));
      expect((await told(store, "told.sensor-exited")).map(([name]) => name).sort()).toEqual([
        "mypack.S/7",
        "mypack.S/8",
      ]);
    });

    test("a key is told in the batch that writes it, with what it was before; to who asks for it only", async () => {
      const world = await open({ teller: teller("key") });
      const { store } = world;
      const by = (id: string) => ({ told: { id, lineage: ["mypack.rule"] } });
      await store.setKey("system", "a", "1", by("c1"));
      await store.setKey("system", "a", "2", by("c2"));
      await store.setKey("system", "untold", "1");
      expect(await store.setKey("system", "a", "3", { expect: "1", ...by("c3") })).toBe(false);
      expect(await store.setKey("system", "a", null, { expect: "2", ...by("c4") })).toBe(true);
      expect(await store.key("system", "a")).toBeNull();
      const all = [
        ["c1: null 1", "pending"],
        ["c2: 1 2", "pending"],
        ["c4: 2 null", "pending"],
      ];
      const inOrder = async (from: typeof store) => (await told(from, "told.key")).sort();
      expect(await inOrder(store)).toEqual(all);
      expect(await inOrder(await world.reopen())).toEqual(all);
    });

    test("a key whose batch fails is told once when it is written", async () => {
      const world = await open({ teller: teller("key") });
      const { store } = world;
      const set = () => store.setKey("system", "a", "1", { told: { id: "c1", lineage: [] } });
      world.failWrite();
      await expect(set()).rejects.toMatchObject({ code: "STORE_WRITE" });
      for (let done = false; !done; ) done = await set().catch(() => false);
      expect(await told(store, "told.key")).toEqual([["c1: null 1", "pending"]]);
    });
  });
}
