/** The hub's rounds over a real store, with time that stands until it is moved. */
import { expect, onTestFinished, test } from "vitest";
import { openAgentRegistry } from "../../../hub/agents/agent-registry.ts";
import { openKeyBook } from "../../../hub/datastore/key-book.ts";
import { startHousekeeping } from "../../../hub/housekeeping.ts";
import { timestamp } from "../../../shared/clock.ts";
import { derivedId } from "../../../shared/ids.ts";
import { silentLogger } from "../../../shared/log.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { failingStore } from "../../support/failing-store.ts";
import { manualTime } from "../../support/manual-time.ts";
import { anAgent, anExecution, anInstance } from "../../support/records.ts";
import { waitUntil } from "../../support/wait-until.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
const retention = { days: 90, maxInstances: 1_000 };

async function hub() {
  const { store } = await failingStore();
  const time = manualTime();
  const now = () => time.clock.now();
  const parts = { store, timers: time.timers, jitter: () => 0.5, log: silentLogger };
  const registry = await openAgentRegistry(parts);
  const keys = await openKeyBook({ ...parts, now });
  const blobs = new Set<string>();
  const start = () => {
    const rounds = startHousekeeping({
      ...parts,
      registry,
      keys,
      blobs: {
        list: async () => [...blobs].map((digest) => ({ digest, size: 1, storedAt: now() - dayMs })),
        delete: async (digest) => void blobs.delete(digest),
      },
      pinned: () => ["pinned"],
      retention,
      now,
      hostNow: now,
    });
    onTestFinished(() => rounds.stop());
  };
  /** One family: an instance with one execution of the same age. */
  const family = async (ageMs: number, over: Partial<Execution>) => {
    const atMs = now() - ageMs;
    const at = timestamp(atMs);
    const id = derivedId(atMs, "instance", String(ageMs), over.status ?? "");
    const instance = anInstance({ id, received_at: at, occurrence_time: at, status: "processed" });
    const execution = anExecution({
      id: derivedId(atMs, "execution", id),
      trigger_instance: id,
      created_at: at,
      ...over,
    });
    await store.emit({ instance, enforcements: [], executions: [execution], dispatches: [] });
    return { instance: id, execution: execution.id };
  };
  return { store, time, now, registry, keys, blobs, start, family };
}

test("history goes when it has reached its age, and what is younger or has not ended stays", async () => {
  const { store, time, start, family } = await hub();
  const old = await family(91 * dayMs, { status: "succeeded" });
  const young = await family(89 * dayMs, { status: "succeeded" });
  const open = await family(92 * dayMs, { status: "running" });
  start();
  time.advance(minuteMs);
  await waitUntil("the old family to be gone", async () => (await store.instance(old.instance)) === null);
  expect(await store.execution(old.execution)).toBeNull();
  for (const { instance, execution } of [young, open]) {
    expect(await store.instance(instance)).not.toBeNull();
    expect(await store.execution(execution)).not.toBeNull();
  }
});

test("what runs on an agent that has been away for an hour is abandoned, and on one that is there it is not", async () => {
  const { store, time, now, registry, start } = await hub();
  const seen = (agoMs: number) => timestamp(now() - agoMs);
  for (const [id, online, agoMs] of [
    ["lost", false, 61 * minuteMs],
    ["away", false, 30 * minuteMs],
    ["quiet", true, 300 * minuteMs],
  ] as const) {
    await registry.update(id, () => anAgent({ id, online, last_seen: seen(agoMs) }));
    await store.createExecutions(
      [anExecution({ id: `01HQ00000000000000000${id.padEnd(5, "0")}`, agent: id, status: "running" })],
      [],
    );
  }
  const statusOf = async (agent: string) =>
    (await store.executions({ agent }, { limit: 1 })).items[0]?.status;
  start();
  time.advance(minuteMs);
  await waitUntil("it to be abandoned", async () => (await statusOf("lost")) === "abandoned");
  expect([await statusOf("away"), await statusOf("quiet")]).toEqual(["running", "running"]);
  // The second look finds that another has been away for an hour now.
  time.advance(40 * minuteMs);
  await waitUntil("the other one to be abandoned", async () => (await statusOf("away")) === "abandoned");
  expect(await statusOf("quiet")).toBe("running");
});

test("keys whose time is over and blobs that nothing names go", async () => {
  const { store, time, keys, blobs, start } = await hub();
  await keys.set("short", "1", 30);
  await keys.set("long", "1", null);
  for (const digest of ["pinned", "loose"]) blobs.add(digest);
  const onDisk = async () => (await store.keys("system", "", 10)).map(({ name }) => name);
  expect(await onDisk()).toEqual(["long", "short"]);
  start();
  time.advance(minuteMs);
  await waitUntil("the key to be gone from the disk", async () => (await onDisk()).join() === "long");
  time.advance(minuteMs);
  await waitUntil("the loose blob to be gone", () => !blobs.has("loose"));
  expect([...blobs]).toEqual(["pinned"]);
  expect(keys.get("long")).toBe("1");
});
