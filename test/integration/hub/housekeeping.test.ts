/** The hub's rounds over a real store, with time that stands until it is moved. */
import { expect, onTestFinished, test } from "vitest";
import { openAgentRegistry } from "../../../hub/agents/agent-registry.ts";
import { awayReason } from "../../../hub/agents/lost-agents.ts";
import { departed } from "../../../hub/agents/presence.ts";
import { startHousekeeping } from "../../../hub/housekeeping.ts";
import { timestamp } from "../../../shared/clock.ts";
import { derivedId } from "../../../shared/ids.ts";
import { silentLogger } from "../../../shared/log.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { failingStore } from "../../support/failing-store.ts";
import { openTestKeys, plainValue } from "../../support/key-book.ts";
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
  const keys = await openTestKeys({ ...parts, now });
  const blobs = new Set<string>();
  const start = () => {
    const rounds = startHousekeeping({
      lostAfter: 120,
      ...parts,
      registry,
      keys,
      blobs: {
        list: async () => [...blobs].map((digest) => ({ digest, size: 1, storedAt: now() - dayMs })),
        delete: async (digest) => void blobs.delete(digest),
      },
      pinned: () => ["pinned"],
      retention,
      history: { step: async () => false },
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

test("what expires ends on time: at once what was never sent, once its agent stays away what was", async () => {
  const { store, time, now, registry, start } = await hub();
  const inMs = (ms: number) => timestamp(now() + ms);
  const run = (n: number, over: Partial<Execution>) =>
    anExecution({
      id: `01HQ0000000000000000000${String(n).padStart(3, "0")}`,
      expires_at: inMs(30_000),
      ...over,
    });
  await registry.update("gone", () => anAgent({ id: "gone", online: false, last_seen: inMs(-minuteMs) }));
  await registry.update("here", () => anAgent({ id: "here", online: true, last_seen: inMs(0) }));
  await store.createExecutions(
    [
      run(1, { agent: "gone", status: "delayed" }),
      run(2, { agent: "gone", status: "scheduled" }),
      run(3, { agent: "gone", status: "scheduled", expires_at: inMs(10 * minuteMs) }),
      run(4, { agent: "gone", status: "scheduled", expires_at: null }),
      run(5, { agent: "here", status: "delayed" }),
      run(6, { agent: "here", status: "scheduled" }),
    ],
    [],
  );
  start();
  const ended = async () => {
    const { items } = await store.executions({}, { limit: 10, ascending: true });
    const over = items.filter(({ end_timestamp }) => end_timestamp !== null);
    return over.map(({ id, status, reason }) => `${Number(id.slice(-3))} ${status}: ${reason}`);
  };
  const after = async (ms: number, expected: readonly string[]) => {
    time.advance(ms);
    await waitUntil("those that are due have ended", async () => {
      // What a look finds it plans behind this instant, which may have passed meanwhile.
      time.advance(1);
      return (await ended()).length >= expected.length;
    });
    expect(await ended()).toEqual(expected);
  };
  await after(25_000, []);
  const expired = (n: number) => `${n} timeout: expired`;
  const away = (n: number) => `${n} abandoned: ${awayReason}`;
  await after(10_000, [expired(1), expired(5)]);
  // A minute before the start, and one since.
  await after(30_000, [expired(1), away(2), expired(5)]);
  // What comes later is due too, and so is what was sent to one that goes away.
  await store.createExecutions([run(7, { agent: "gone", status: "delayed", expires_at: inMs(10_000) })], []);
  await registry.update("here", (known) => departed(known, now()));
  await after(20_000, [expired(1), away(2), expired(5), expired(7)]);
  await after(2 * minuteMs, [expired(1), away(2), expired(5), away(6), expired(7)]);
  await after(8 * minuteMs, [expired(1), away(2), away(3), expired(5), away(6), expired(7)]);
});

test("keys whose time is over and blobs that nothing names go", async () => {
  const { store, time, keys, blobs, start } = await hub();
  await keys.set("system", "short", plainValue("1", 30));
  await keys.set("system", "long", plainValue("1"));
  for (const digest of ["pinned", "loose"]) blobs.add(digest);
  const onDisk = async () => (await store.keys("system", "", 10)).map(({ name }) => name);
  expect(await onDisk()).toEqual(["long", "short"]);
  start();
  time.advance(minuteMs);
  await waitUntil("the key to be gone from the disk", async () => (await onDisk()).join() === "long");
  time.advance(minuteMs);
  await waitUntil("the loose blob to be gone", () => !blobs.has("loose"));
  expect([...blobs]).toEqual(["pinned"]);
  expect(keys.find("system", "long")?.value).toBe("1");
});
