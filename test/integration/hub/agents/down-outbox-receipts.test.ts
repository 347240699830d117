/** What the hub's sender is told of an agent's ledger, which it must not have to read again for each receipt. */
import { expect, onTestFinished, test } from "vitest";
import { openDownOutbox } from "../../../../hub/agents/down-outbox.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../../../shared/system-process.ts";
import type { DownEntry } from "../../../../shared/wire/messages.ts";
import { asked, cancel, claimed, execution } from "../../../contract/store/world.ts";
import { failingStore } from "../../../support/failing-store.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const agent = "web-1";

/** `inMemory`: what was just written can be seen without a read. */
async function opened({ inMemory = true } = {}) {
  // Small, so that requests wait for room.
  const { store } = await failingStore(undefined, { downCap: { entries: 8, bytes: 1024 * 1024 } });
  await claimed(store);
  const seen = { reads: 0, failed: 0, slowed: Promise.resolve() };
  const outbox = await openDownOutbox({
    store: {
      ...store,
      downEpochsNow: (of) => (inMemory ? store.downEpochsNow(of) : null),
      async downEpochs(of) {
        seen.reads++;
        const found = await store.downEpochs(of);
        await seen.slowed.catch((error) => {
          seen.failed++;
          throw error;
        });
        return found;
      },
    },
    agent,
    isPaused: () => false,
    openEntry: (entry) => entry as DownEntry,
    timers: systemTimers,
    jitter: systemJitter,
    clock: systemClock,
    newId: ulidSource(systemClock, systemRandom),
    log: silentLogger,
  });
  onTestFinished(() => outbox.close());
  // As the hub's links do it.
  const stop = store.subscribeChanges((changes) => {
    if (changes.some(({ type }) => type === "down")) void outbox.refresh();
  });
  onTestFinished(stop);
  return { store, outbox, seen };
}

test("a receipt moves the ledger's beginning, and nothing is read for it", async () => {
  const { store, outbox, seen } = await opened();
  await store.appendDown([1, 2, 3].map((n) => asked(n)));
  await outbox.refresh();
  const before = seen.reads;
  const [{ id } = { id: "" }] = outbox.epochs();
  await outbox.receipted(id, 2);
  expect(outbox.epochs()).toEqual([{ id, first: 3, last: 3 }]);
  await outbox.receipted(id, 3);
  expect(outbox.epochs()).toEqual([{ id, first: 4, last: 3 }]);
  expect(seen.reads).toBe(before);
});

test("what is dispatched is known, and can be read, when its writer hears of it, without a read", async () => {
  const { store, outbox, seen } = await opened();
  const before = seen.reads;
  await store.appendDown([asked(1)]);
  const [{ id } = { id: "" }] = outbox.epochs();
  expect(outbox.epochs()).toEqual([{ id, first: 1, last: 1 }]);
  expect(outbox.read(id, 1, 10, 1e6)).toMatchObject([{ n: 1, last: 1 }]);
  expect(seen.reads).toBe(before);
});

test("a read that failed is made good by the next receipt", async () => {
  const { store, outbox, seen } = await opened({ inMemory: false });
  await store.appendDown([1, 2].map((n) => asked(n)));
  await outbox.refresh();
  const [{ id } = { id: "" }] = outbox.epochs();
  seen.slowed = Promise.reject(new Error("the store is busy"));
  seen.slowed.catch(() => {});
  await store.appendDown([asked(3)]);
  await waitUntil("a read has failed", () => seen.failed > 0);
  seen.slowed = Promise.resolve();
  await outbox.receipted(id, 2);
  expect(outbox.epochs()).toEqual([{ id, first: 3, last: 3 }]);
});

test("what was read before a dispatch does not come after it", async () => {
  const { store, outbox, seen } = await opened();
  await store.appendDown([asked(1)]);
  const [{ id } = { id: "" }] = outbox.epochs();
  // Of a park: a read that takes its time, and then answers what was.
  const { promise, resolve } = Promise.withResolvers<void>();
  seen.slowed = promise;
  const reads = seen.reads;
  const parked = outbox.park(id, 1, "no such kind");
  await waitUntil("it is read", () => seen.reads > reads);
  await store.appendDown([asked(2)]);
  resolve();
  await parked;
  expect(outbox.epochs()).toEqual([{ id, first: 1, last: 2 }]);
});

test("what was read before a receipt does not come after it", async () => {
  const { store, outbox, seen } = await opened({ inMemory: false });
  await store.appendDown([1, 2, 3].map((n) => asked(n)));
  await outbox.refresh();
  const [{ id } = { id: "" }] = outbox.epochs();
  const { promise, resolve } = Promise.withResolvers<void>();
  seen.slowed = promise;
  const refreshed = outbox.refresh();
  const receipted = outbox.receipted(id, 2);
  await waitUntil("the receipt is on disk", async () => (await store.downEpochs(agent))[0]?.first === 3);
  resolve();
  await Promise.all([refreshed, receipted]);
  expect(outbox.epochs()).toEqual([{ id, first: 3, last: 3 }]);
});

test("an epoch that has come to its end is gone, unless it is the one that goes on", async () => {
  const { store, outbox } = await opened();
  await store.appendDown([asked(1)]);
  await claimed(store);
  await store.appendDown([asked(2)]);
  await outbox.refresh();
  const [old, current] = outbox.epochs();
  await outbox.receipted(old?.id ?? "", 1);
  expect(outbox.epochs()).toEqual([current]);
  expect(await store.downEpochs(agent)).toEqual([current]);
});

test.each([true, false])(
  "whatever is dispatched and receipted at the same time, it knows in the end what the store does (in memory: %s)",
  async (inMemory) => {
    const { store, outbox } = await opened({ inMemory });
    let n = 0;
    for (let round = 0; round < 60; round++) {
      const work: Promise<unknown>[] = [];
      // More than there is room for, now and then; and control entries, which have epochs of their own.
      for (let i = round % 2 === 0 ? round % 7 : 0; i > 0; i--) work.push(store.appendDown([asked(++n)]));
      if (round % 10 === 0) work.push(store.appendDown([cancel(execution(++n))]));
      for (const { id, first, last } of outbox.epochs()) {
        const upTo = first + ((round * 7) % (last - first + 2)) - 1;
        work.push(outbox.receipted(id, upTo));
        // One that came late, or twice.
        if (round % 3 === 0) work.push(outbox.receipted(id, upTo), outbox.receipted(id, first - 1));
      }
      await Promise.all(work);
      const stands = JSON.stringify(await store.downEpochs(agent));
      // A round that a dispatch has asked for may be under way; one that is asked for here would hide what went wrong.
      await waitUntil("it knows", () => JSON.stringify(outbox.epochs()) === stands);
    }
  },
);
