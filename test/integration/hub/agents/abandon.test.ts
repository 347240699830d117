/** What an agent's lost store means for its requests, decided over a real ledger that goes on growing. */
import { expect, it } from "vitest";
import { abandonOldStore } from "../../../../hub/agents/abandon.ts";
import type { Store } from "../../../../hub/store/store.ts";
import { assignment, claimed, execution, ledger, request } from "../../../contract/store/world.ts";
import { failingStore } from "../../../support/failing-store.ts";

const dispatched = async (store: Store, n: number) => {
  const made = execution(n);
  await store.createExecutions([made], [request(made)]);
  return made.id;
};
const statuses = async (store: Store, ids: readonly string[]) =>
  Promise.all(ids.map(async (id) => (await store.execution(id))?.status));

it("abandons what was dispatched and takes all of it out of the ledger", async () => {
  const { store } = await failingStore();
  await claimed(store);
  const receipted = await dispatched(store, 1);
  const [epoch] = await store.downEpochs("web-1");
  await store.receiptDown("web-1", epoch?.id ?? "", 1);
  const unsent = await dispatched(store, 2);
  await store.appendDown([assignment(3)]);
  expect(await abandonOldStore(store, "web-1", Date.now)).toBe(2);
  expect(await statuses(store, [receipted, unsent])).toEqual(["abandoned", "abandoned"]);
  expect(await ledger(store)).toEqual([]);
  expect(await abandonOldStore(store, "web-1", Date.now)).toBe(0);
});

it("what is dispatched meanwhile is for the new store", async () => {
  const { store } = await failingStore();
  await claimed(store);
  const old = await dispatched(store, 1);
  const fresh: string[] = [];
  const busy: Store = {
    ...store,
    openExecutions: async (agent) => {
      fresh.push(await dispatched(store, 2));
      const open = await store.openExecutions(agent);
      fresh.push(await dispatched(store, 3));
      return open;
    },
  };
  expect(await abandonOldStore(busy, "web-1", Date.now)).toBe(1);
  expect(await statuses(store, [old, ...fresh])).toEqual(["abandoned", "scheduled", "scheduled"]);
  expect((await ledger(store)).map((line) => line.split(" ")[1])).toEqual(fresh);
});

it("an execution that changes under it is abandoned all the same", async () => {
  const { store } = await failingStore();
  await claimed(store);
  const id = await dispatched(store, 1);
  let changes = 3;
  const busy: Store = {
    ...store,
    updateExecution: async (execution, rev, dispatches) => {
      if (changes-- > 0) {
        const now = await store.execution(id);
        if (now !== null)
          await store.updateExecution({ ...now, trace_tag: `${rev}`, rev: now.rev + 1 }, now.rev);
      }
      return store.updateExecution(execution, rev, dispatches);
    },
  };
  expect(await abandonOldStore(busy, "web-1", Date.now)).toBe(1);
  expect(await statuses(store, [id])).toEqual(["abandoned"]);
});

it("what waits for room in the ledger has not been sent, and goes to the new store", async () => {
  const { store } = await failingStore(undefined, { downCap: { entries: 2, bytes: 1_000_000 } });
  await claimed(store);
  const ids = [await dispatched(store, 1), await dispatched(store, 2), await dispatched(store, 3)];
  expect(await statuses(store, ids)).toEqual(["scheduled", "scheduled", "delayed"]);
  expect(await abandonOldStore(store, "web-1", Date.now)).toBe(2);
  expect(await statuses(store, ids)).toEqual(["abandoned", "abandoned", "scheduled"]);
  expect((await ledger(store)).map((line) => line.split(" ")[1])).toEqual([ids[2]]);
});
