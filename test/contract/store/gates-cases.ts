/** Requests that wait on disk: for a slot of a policy, for their time; and what the end of an execution sets off. */
import { describe, expect, it } from "vitest";
import { step } from "../../../hub/executions/life.ts";
import type { Effect } from "../../../hub/store/port/intake.ts";
import type { Store } from "../../../hub/store/store.ts";
import { timestamp } from "../../../shared/clock.ts";
import type { Execution, Gate, Retry } from "../../../shared/model/execution.ts";
import { noon } from "../../support/records.ts";
import {
  claimed,
  execution,
  ledger,
  nowAndReopened,
  type OpenStore,
  outcome,
  request,
  take,
} from "./world.ts";

const gate = (key: string, threshold = 1, action: Gate["action"] = "delay"): Gate => ({
  key,
  policy: key,
  threshold,
  action,
});
const asStored = ({ threshold }: Gate) => threshold;

function made(n: number, gates: readonly Gate[], over: Partial<Execution> = {}): Execution {
  return execution(n, { policies: { gates, retries: [] }, ...over });
}

async function create(store: Store, ...executions: readonly Execution[]): Promise<void> {
  await store.createExecutions(
    executions,
    executions.map((each) => request(each)),
  );
}

async function end(
  store: Store,
  id: string,
  type: "succeed" | "fail" | "lose" | "cancel" | "start" = "succeed",
): Promise<void> {
  const found = await store.execution(id);
  if (found === null) throw new Error(`no execution ${id}`);
  const ended = step(found, { type, at: noon + 1 });
  if (!ended.moved) throw new Error(ended.reason);
  expect(await store.updateExecution(ended.execution, found.rev)).toBe(true);
}

const statuses = (store: Store, ...executions: readonly Execution[]) =>
  Promise.all(executions.map(async ({ id }) => (await store.execution(id))?.status));

export function gatesCases(open: OpenStore): void {
  describe("a gate", () => {
    it("lets so many through, and the others one after the other in their order", async () => {
      const world = await open();
      const [one, two, three, four] = [1, 2, 3, 4].map((n) => made(n, [gate("p.two", 2)])) as [
        Execution,
        Execution,
        Execution,
        Execution,
      ];
      await claimed(world.store);
      await create(world.store, one, two, three, four);
      for await (const store of nowAndReopened(world)) {
        expect(await statuses(store, one, two, three, four)).toEqual([
          "scheduled",
          "scheduled",
          "delayed",
          "delayed",
        ]);
        expect(await ledger(store)).toEqual([`1 ${one.id}`, `2 ${two.id}`]);
        expect(await store.waitingGates()).toEqual(["p.two"]);
      }
      const store = await world.reopen();
      expect((await store.execution(three.id))?.reason).toBe("policy p.two: 2 at once");
      await store.admit("p.two", asStored);
      expect(await statuses(store, three)).toEqual(["delayed"]);
      await end(store, two.id);
      await store.admit("p.two", asStored);
      expect(await statuses(store, three, four)).toEqual(["scheduled", "delayed"]);
      expect((await store.execution(three.id))?.log.map(({ status }) => status)).toEqual([
        "delayed",
        "scheduled",
      ]);
      await end(store, one.id);
      await store.admit("p.two", asStored);
      expect(await statuses(store, four)).toEqual(["scheduled"]);
      expect(await store.waitingGates()).toEqual([]);
      await world.close();
    });

    it("is told of when somebody waits and there is room", async () => {
      const world = await open();
      const [one, two] = [made(1, [gate("p")]), made(2, [gate("p")])];
      await create(world.store, one, two);
      const told: string[] = [];
      world.store.subscribeChanges((changes) => {
        for (const change of changes) if (change.type === "gate") told.push(change.gate);
      });
      await end(world.store, one.id);
      expect(told).toEqual(["p"]);
      await end(world.store, two.id, "cancel");
      await world.store.admit("p", asStored);
      expect(told).toEqual(["p"]);
      await world.close();
    });

    it("has its slot back from an execution that was abandoned", async () => {
      const world = await open();
      const [one, two] = [made(1, [gate("p")]), made(2, [gate("p")])];
      await create(world.store, one, two);
      await end(world.store, one.id, "lose");
      await world.store.admit("p", asStored);
      expect(await statuses(world.store, one, two)).toEqual(["abandoned", "scheduled"]);
      await world.close();
    });

    it("cancels where its policy says so, and never sends what was canceled", async () => {
      const world = await open();
      const [one, two] = [made(1, [gate("p", 1, "cancel")]), made(2, [gate("p", 1, "cancel")])];
      await claimed(world.store);
      await create(world.store, one, two);
      expect(await world.store.execution(two.id)).toMatchObject({
        status: "canceled",
        reason: "policy p: 1 at once",
      });
      await end(world.store, one.id);
      await world.store.admit("p", asStored);
      expect(await ledger(world.store)).toEqual([`1 ${one.id}`]);
      await world.close();
    });

    it("lets the next one through when the one before it was canceled while it waited", async () => {
      const world = await open();
      const [one, two, three] = [made(1, [gate("p")]), made(2, [gate("p")]), made(3, [gate("p")])];
      await claimed(world.store);
      await create(world.store, one, two, three);
      await end(world.store, two.id, "cancel");
      await end(world.store, one.id);
      await world.store.admit("p", asStored);
      expect(await statuses(world.store, one, two, three)).toEqual(["succeeded", "canceled", "scheduled"]);
      expect(await ledger(world.store)).toEqual([`1 ${one.id}`, `2 ${three.id}`]);
      await world.close();
    });

    it("goes by the limit of today for those who wait", async () => {
      const world = await open();
      const all = [1, 2, 3, 4].map((n) => made(n, [gate("p")]));
      await create(world.store, ...all);
      await world.store.admit("p", () => 3);
      expect(await statuses(world.store, ...all)).toEqual(["scheduled", "scheduled", "scheduled", "delayed"]);
      await world.store.admit("p", () => Number.POSITIVE_INFINITY);
      expect(await statuses(world.store, ...all)).toEqual(Array(4).fill("scheduled"));
      await world.close();
    });

    it("holds together with another one: who waits for one has no slot of the other", async () => {
      const world = await open();
      const [a, b] = [gate("p.a"), gate("p.b")];
      const [onlyA, both, onlyB] = [made(1, [a]), made(2, [a, b]), made(3, [b])];
      await create(world.store, onlyA, both, onlyB);
      // The second waits for `a`, and leaves `b` to the third.
      expect(await statuses(world.store, onlyA, both, onlyB)).toEqual(["scheduled", "delayed", "scheduled"]);
      await end(world.store, onlyA.id);
      await world.store.admit("p.a", asStored);
      expect(await world.store.execution(both.id)).toMatchObject({
        status: "delayed",
        reason: "policy p.b: 1 at once",
      });
      expect(await world.store.waitingGates()).toEqual(["p.b"]);
      const another = made(4, [a]);
      await create(world.store, another);
      expect(await statuses(world.store, another)).toEqual(["scheduled"]);
      await end(world.store, another.id);
      await end(world.store, onlyB.id);
      await world.store.admit("p.b", asStored);
      expect(await statuses(world.store, both)).toEqual(["scheduled"]);
      await world.close();
    });

    it("stops what a trigger asks for as well, in the batch that takes the trigger in", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      const effects = [1, 2].map((n): Effect => {
        const led = outcome(n);
        const policies = { gates: [gate("p")], retries: [] };
        return {
          type: "outcome",
          outcome: { ...led, executions: led.executions.map((each) => ({ ...each, policies })) },
        };
      });
      expect(await world.store.takeIn(take(claim, 0, effects))).toEqual({ done: true });
      for await (const store of nowAndReopened(world)) {
        const { items } = await store.executions({}, { limit: 10, ascending: true });
        expect(items.map(({ status }) => status)).toEqual(["scheduled", "delayed"]);
      }
      await world.close();
    });

    it("gives nothing away when the batch fails", async () => {
      const world = await open();
      const [one, two] = [made(1, [gate("p")]), made(2, [gate("p")])];
      world.failWrite();
      await expect(create(world.store, one)).rejects.toMatchObject({ code: "STORE_WRITE" });
      const store = await world.reopen();
      await create(store, two);
      expect(await statuses(store, one, two)).toEqual([undefined, "scheduled"]);
      await world.close();
    });
  });

  describe("a time to start at", () => {
    it("keeps the request on disk until then", async () => {
      const world = await open();
      const later = execution(1, { start_at: timestamp(noon + 60_000) });
      await claimed(world.store);
      await create(world.store, later);
      for await (const store of nowAndReopened(world)) {
        expect(await statuses(store, later)).toEqual(["delayed"]);
        expect(await ledger(store)).toEqual([]);
        expect(await store.claimDue(noon + 59_999, 10, 1_000)).toEqual([]);
      }
      const store = await world.reopen();
      const jobs = await store.claimDue(noon + 60_000, 10, 1_000);
      expect(jobs).toMatchObject([{ kind: "start-held", data: { execution: later.id } }]);
      await store.startHeld(later.id, asStored);
      await store.startHeld(later.id, asStored);
      expect(await statuses(store, later)).toEqual(["scheduled"]);
      expect(await ledger(store)).toEqual([`1 ${later.id}`]);
      await world.close();
    });

    it("does not come for what was canceled before", async () => {
      const world = await open();
      const later = execution(1, { start_at: timestamp(noon + 60_000) });
      await claimed(world.store);
      await create(world.store, later);
      await end(world.store, later.id, "cancel");
      await world.store.startHeld(later.id, asStored);
      expect(await statuses(world.store, later)).toEqual(["canceled"]);
      expect(await ledger(world.store)).toEqual([]);
      await world.close();
    });

    it("leads to the gate, where others may be before it", async () => {
      const world = await open();
      const later = made(1, [gate("p")], { start_at: timestamp(noon + 60_000) });
      const [one, two] = [made(2, [gate("p")]), made(3, [gate("p")])];
      await create(world.store, later, one, two);
      await world.store.startHeld(later.id, asStored);
      await end(world.store, one.id);
      await world.store.admit("p", asStored);
      expect(await statuses(world.store, two, later)).toEqual(["scheduled", "delayed"]);
      await end(world.store, two.id);
      await world.store.admit("p", asStored);
      expect(await statuses(world.store, later)).toEqual(["scheduled"]);
      await world.close();
    });
  });

  describe("the end of an execution", () => {
    const retry = (on: Retry["on"]): Retry => ({ policy: "p.retry", on, most: 1, delay: 0 });

    it.for<[type: "succeed" | "fail" | "lose" | "cancel", over: Partial<Execution>, jobs: number]>([
      ["fail", {}, 1],
      ["succeed", {}, 0],
      ["lose", {}, 0],
      ["fail", { attempt: 2 }, 0],
      ["fail", { policies: { gates: [], retries: [retry("timeout")] } }, 0],
    ])("puts another attempt on the clock where a policy asks for it: %s %o", async ([type, over, jobs]) => {
      const world = await open();
      const one = execution(1, { policies: { gates: [], retries: [retry("failure")] }, ...over });
      await create(world.store, one);
      await end(world.store, one.id, type);
      const store = await world.reopen();
      const due = await store.claimDue(noon + 10_000, 10, 1_000);
      expect(due.map(({ kind, data }) => [kind, data.execution])).toEqual(
        Array(jobs).fill(["retry-execution", one.id]),
      );
      await world.close();
    });
  });
}
