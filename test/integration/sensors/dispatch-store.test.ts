/** What a sensor dispatches, on a real store: trigger, key and values together or not at all, and once. */
import { expect, onTestFinished, test } from "vitest";
import { DispatchStore } from "../../../agent/sensors/dispatch-store.ts";
import { LocalValuesStore } from "../../../agent/sensors/local-values-store.ts";
import type { DispatchMessage } from "../../../agent/sensors/messages.ts";
import { openAgentStore } from "../../../agent/store/agent-store.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { ulidSource } from "../../../shared/ids.ts";
import { silentLogger } from "../../../shared/log.ts";
import { systemClock, systemRandom } from "../../../shared/system-process.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const sensor = "pack.Sensor";
const lost = () => new PetrelError("STORE_WRITE", "the disk's answer was lost");

/** One life of the agent; `fault` makes the next write fail, before or after it has reached the disk. */
async function agent(folder: string) {
  const newId = ulidSource(systemClock, systemRandom);
  const { now } = systemClock;
  const store = await openAgentStore({ data: folder, newId, now, log: silentLogger });
  let closed: Promise<void> | null = null;
  const close = () => (closed ??= store.close());
  onTestFinished(close);
  let fault: "before" | "after" | null = null;
  const values = new LocalValuesStore({ database: store.database, now });
  const dispatches = new DispatchStore({
    database: store.database,
    append: async (entries, ops, how) => {
      const failing = fault;
      fault = null;
      if (failing === "before") throw lost();
      await store.outbox.append(entries, ops, how);
      if (failing === "after") throw lost();
    },
    values,
    newId,
    now,
    hubNow: () => null,
    log: silentLogger,
  });
  return {
    life: await dispatches.openLife(sensor),
    value: async (name: string) => (await values.of(sensor)).get(name),
    entries: () => store.outbox.figures().entries,
    /** How many entries each epoch holds. */
    epochs: () => store.outbox.epochs().flatMap(({ last }) => (last > 0 ? [last] : [])),
    failNext: (how: "before" | "after") => {
      fault = how;
    },
    close,
  };
}

const dispatch = (id: number, key: string, cursor: string): DispatchMessage => ({
  op: "dispatch",
  id,
  trigger: "pack.event",
  payload: { id },
  key,
  set: { cursor },
});

test("a trigger, its key and the values that came with it outlive the agent together", async () => {
  const folder = await tempFolder("dispatches");
  const first = await agent(folder);
  expect(await first.life.store([dispatch(1, "a", "1"), dispatch(2, "b", "2")])).toEqual([]);
  await first.close();
  const second = await agent(folder);
  expect(second.entries()).toBe(2);
  expect(await second.value("cursor")).toBe("2");
  // The key was held from the same write on: neither its trigger nor its value counts again.
  await second.life.store([dispatch(1, "b", "back")]);
  expect(second.entries()).toBe(2);
  expect(await second.value("cursor")).toBe("2");
});

test("of a batch that was not written nothing holds, and it is stored when it is tried again", async () => {
  const { life, failNext, entries, value } = await agent(await tempFolder("dispatches"));
  const batch = [dispatch(1, "a", "1")];
  failNext("before");
  await expect(life.store(batch)).rejects.toMatchObject({ code: "STORE_WRITE" });
  expect([entries(), await value("cursor")]).toEqual([0, null]);
  await life.store(batch);
  expect([entries(), await value("cursor")]).toEqual([1, "1"]);
});

test("a batch whose write failed, though it is on disk, is not stored a second time", async () => {
  const { life, failNext, entries } = await agent(await tempFolder("dispatches"));
  const batch = [dispatch(1, "a", "1"), dispatch(2, "b", "2")];
  failNext("after");
  await expect(life.store(batch)).rejects.toMatchObject({ code: "STORE_WRITE" });
  expect(await life.store([...batch, dispatch(3, "c", "3")])).toEqual([]);
  expect(entries()).toBe(3);
});

test("what comes in bulk goes its own way, and the newest value stays", async () => {
  const { life, epochs, value } = await agent(await tempFolder("dispatches"));
  const storm = { bulk: true };
  const all = [
    { ...dispatch(1, "a", "1"), ...storm },
    { ...dispatch(2, "b", "2"), ...storm },
    dispatch(3, "c", "3"),
    { ...dispatch(4, "d", "4"), ...storm },
    dispatch(5, "e", "5"),
  ];
  expect(await life.store(all)).toEqual([]);
  expect(epochs()).toEqual([3, 2]);
  expect(await value("cursor")).toBe("5");
  expect(await life.store(all)).toEqual([]);
  expect(epochs()).toEqual([3, 2]);
});
