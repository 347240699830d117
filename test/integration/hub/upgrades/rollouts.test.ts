/** Rollouts over a real store: what comes while they look, another life of the hub, and two hubs at once. */
import { expect, it, onTestFinished } from "vitest";
import { openAgentRegistry } from "../../../../hub/agents/agent-registry.ts";
import type { LevelStore } from "../../../../hub/store/level-store.ts";
import type { Store } from "../../../../hub/store/store.ts";
import { RolloutDesk } from "../../../../hub/upgrades/rollout-desk.ts";
import { Rollouts, type RolloutsOptions } from "../../../../hub/upgrades/rollouts.ts";
import { timestamp } from "../../../../shared/clock.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { UpgradeReport } from "../../../../shared/model/agent-rollout.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../../../shared/system-process.ts";
import { isManifestSigned } from "../../../../shared/upgrade/manifest.ts";
import type { UpgradeEntry } from "../../../../shared/wire/messages.ts";
import { failingStore } from "../../../support/failing-store.ts";
import { keyPair, statementOf } from "../../../support/link-identities.ts";
import { anAgent } from "../../../support/records.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const newId = ulidSource(systemClock, systemRandom);
const release = {
  v: 1 as const,
  version: "2.0.0",
  arch: "x64" as const,
  sha256: "a".repeat(64),
  bytes: 10,
  parts: [{ digest: `sha256:${"b".repeat(64)}`, size: 5 }],
  min_agent: null,
  min_hub: null,
  added_at: timestamp(Date.now()),
  added_by: "ann",
};
const wish = {
  version: "2.0.0",
  batch: 1,
  max_failures: 1,
  allow_downgrade: false,
  skip_offline: false,
  within: 900,
  settle: 0,
  offline_for: 86_400,
  user: "ann",
};

async function fleet(...ids: readonly string[]) {
  const { store } = await failingStore();
  for (const id of ids)
    await store.putAgent(anAgent({ id, upgrades: true, last_seen: timestamp(Date.now()) }), null);
  await store.putAgentRelease(release);
  return store as LevelStore;
}

/** One hub on this store. */
async function hubOn(store: Store, signer: RolloutsOptions["signer"] = () => null) {
  const common = {
    store,
    timers: systemTimers,
    jitter: systemJitter,
    log: silentLogger,
    now: Date.now,
    newId,
  };
  const registry = await openAgentRegistry(common);
  const rollouts = new Rollouts({ ...common, registry, signer } satisfies RolloutsOptions);
  const desk = new RolloutDesk({ ...common, agents: registry, rollouts, version: "1.0.0" });
  let isOver = false;
  const close = async () => {
    if (isOver) return;
    isOver = true;
    await rollouts.close();
    await registry.close();
  };
  onTestFinished(close);
  return { rollouts, desk, close };
}

const taken = new Map<string, number>();
/** As an agent's ledger brings it. */
async function says(
  store: Store,
  agent: string,
  upgrade: string,
  state: UpgradeReport["state"],
): Promise<void> {
  const claim = await store.claimAgent("hub-1", agent, 60_000, Date.now());
  if (claim === null) throw new Error("claimed");
  const mark = taken.get(agent) ?? 0;
  taken.set(agent, mark + 1);
  const report = { agent, upgrade, state, code: null, reason: null, received_at: timestamp(Date.now()) };
  const take = { claim, epoch: "E1", expectMark: mark, newMark: mark + 1 };
  expect(await store.takeIn({ ...take, effects: [{ type: "upgrade-report", report }] })).toEqual({
    done: true,
  });
}

/** What stands in an agent's ledger: the rollout, and whether it is asked or told to leave it. */
async function asked(store: Store, agent: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { id } of await store.downEpochs(agent)) {
    for (const { entry } of await store.readDown(agent, id, 1, 1_000, 1e9)) {
      if (entry.kind === "upgrade")
        found.push(`${(entry as UpgradeEntry).releases.length > 0 ? "+" : "-"}${entry.upgrade}`);
    }
  }
  return found;
}

const stateOf = async (store: Store, id: string, agent: string) =>
  (await store.rolloutAgents(id)).find((each) => each.agent === agent)?.state;

it("what agents say while records are read is not lost", async () => {
  taken.clear();
  const store = await fleet("web-1");
  let rollout = "";
  let meanwhile = async () => {};
  const slow: Store = {
    ...store,
    rollouts: async () => {
      const all = await store.rollouts();
      await meanwhile();
      return all;
    },
  };
  const hub = await hubOn(slow);
  rollout = (await hub.desk.begin(wish)).id;
  await waitUntil("it is asked", async () => (await stateOf(store, rollout, "web-1")) === "sending");
  meanwhile = async () => {
    meanwhile = async () => {};
    await says(store, "web-1", rollout, "refused");
  };
  // Has everything read anew.
  await hub.desk.pause(rollout);
  await waitUntil("it is heard", async () => (await stateOf(store, rollout, "web-1")) === "refused", 10_000);
});

it("what is known of a version's database is said for each of its binaries: this machine cannot ask them all", async () => {
  taken.clear();
  const store = await fleet("web-1");
  await store.putAgentRelease({ ...release, version: "3.0.0", store_format: 7 });
  await store.putAgentRelease({ ...release, version: "3.0.0", arch: "arm64", store_format: null });
  const hub = await hubOn(store);
  const { id } = await hub.desk.begin({ ...wish, version: "3.0.0" });
  await waitUntil("it is asked", async () => (await stateOf(store, id, "web-1")) === "sending");
  const found: unknown[] = [];
  for (const { id: epoch } of await store.downEpochs("web-1"))
    for (const { entry } of await store.readDown("web-1", epoch, 1, 10, 1e9))
      if (entry.kind === "upgrade") found.push(...entry.releases.map((one) => [one.arch, one.store_format]));
  expect(found.sort()).toEqual([
    ["arm64", 7],
    ["x64", 7],
  ]);
});

it("another life of the hub goes on where this one was, and asks nobody twice", async () => {
  taken.clear();
  const store = await fleet("web-1", "web-2");
  const first = await hubOn(store);
  const { id } = await first.desk.begin(wish);
  await waitUntil("it is asked", async () => (await asked(store, "web-1")).length > 0);
  await first.close();
  await says(store, "web-1", id, "refused");
  const second = await hubOn(store);
  second.rollouts.start();
  await waitUntil("the next is asked", async () => (await asked(store, "web-2")).length > 0);
  expect(await stateOf(store, id, "web-1")).toBe("refused");
  expect([await asked(store, "web-1"), await asked(store, "web-2")]).toEqual([[`+${id}`], [`+${id}`]]);
  const canceled = await second.desk.cancel(id);
  expect(canceled).toMatchObject({ state: "canceled", counts: { refused: 1, sending: 1 } });
  expect(await asked(store, "web-2")).toEqual([`+${id}`, `-${id}`]);
});

it("two hubs on one store ask each agent once between them", async () => {
  taken.clear();
  const ids = ["a", "b", "c", "d"];
  const store = await fleet(...ids);
  const hubs = [await hubOn(store), await hubOn(store)];
  for (const { rollouts } of hubs) rollouts.start();
  const { id } = (await hubs[0]?.desk.begin({ ...wish, batch: 2 })) ?? { id: "" };
  for (const agent of ids) {
    await waitUntil(`${agent} is asked`, async () => (await asked(store, agent)).length > 0);
    await says(store, agent, id, "refused");
  }
  await waitUntil("it is done", async () => (await store.rollout(id))?.state === "done");
  for (const agent of ids) expect(await asked(store, agent)).toEqual([`+${id}`]);
});

it("an agent is in one rollout at a time, and what is begun keeps its binary", async () => {
  taken.clear();
  const store = await fleet("web-1");
  const { desk } = await hubOn(store);
  const one = await desk.begin(wish);
  await waitUntil("it is asked", async () => (await asked(store, "web-1")).length > 0);
  const two = await desk.begin(wish);
  await store.removeAgentRelease("2.0.0", "x64");
  expect([...(await store.referencedBlobs())]).toContain(release.parts[0]?.digest);
  expect(await stateOf(store, two.id, "web-1")).toBe("waiting");
  await says(store, "web-1", one.id, "refused");
  await waitUntil("its turn has come", async () => (await stateOf(store, two.id, "web-1")) === "sending");
  expect(await asked(store, "web-1")).toEqual([`+${one.id}`, `+${two.id}`]);
  await says(store, "web-1", two.id, "refused");
  await waitUntil("both are done", async () => (await store.rollout(two.id))?.state === "done");
  expect([...(await store.referencedBlobs())]).not.toContain(release.parts[0]?.digest);
});

it("a batch is signed once for all of it", async () => {
  const store = await fleet("web-1", "web-2", "web-3");
  const [root, own] = [keyPair(), keyPair()];
  const statement = statementOf(root.privateKey, 1, [own.privateKey]);
  let signings = 0;
  const hub = await hubOn(store, () => {
    signings += 1;
    return { statement, key: own.privateKey };
  });
  const { id } = await hub.desk.begin({ ...wish, batch: 3 });
  await waitUntil("all are asked", async () => (await asked(store, "web-3")).length > 0);
  expect(signings).toBe(1);
  for (const agent of ["web-1", "web-2", "web-3"]) {
    const [epoch] = await store.downEpochs(agent);
    const [down] = await store.readDown(agent, epoch?.id ?? "", 1, 10, 1e9);
    const entry = down?.entry as UpgradeEntry;
    expect(entry).toMatchObject({ upgrade: id, hub_keys: { serial: 1 } });
    expect(entry.releases.map((one) => isManifestSigned(one, [own.publicKey]))).toEqual([true]);
  }
});

it("a rollout in which nobody could ever be healthy is refused", async () => {
  const hub = await hubOn(await fleet("web-1"));
  for (const [settle, within] of [
    [900, 900],
    [60, 30],
  ] as const)
    await expect(hub.desk.begin({ ...wish, settle, within })).rejects.toMatchObject({
      code: "API_BAD_REQUEST",
      where: "settle",
    });
  expect(await hub.desk.list()).toEqual([]);
});

it("what an agent has got is noted once it was answered, and never more than there is", async () => {
  const store = await fleet("web-1");
  const hub = await hubOn(store);
  const { id } = await hub.desk.begin(wish);
  await waitUntil("it is asked", async () => (await stateOf(store, id, "web-1")) === "sending");
  const sent = async () => (await hub.desk.agents(id)).map((each) => each.sent_bytes);
  const { digest } = release.parts[0] ?? { digest: "" };
  const refuses = hub.desk.noting("web-1", () => Promise.reject(new Error("no such range")));
  await expect(refuses({ digest, offset: -1e15, length: 1 })).rejects.toThrow("no such range");
  expect(await sent()).toEqual([null]);
  const answers = hub.desk.noting("web-1", () => Promise.resolve({ data: "" }));
  expect(await answers({ digest, offset: 0, length: 2 })).toEqual({ data: "" });
  expect(await sent()).toEqual([2]);
  await answers({ digest, offset: 4, length: 65_536 });
  expect(await sent()).toEqual([5]);
});
