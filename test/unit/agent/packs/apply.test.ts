import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { PackApplier } from "../../../../agent/packs/apply.ts";
import { AssignmentsStore } from "../../../../agent/packs/assignments-store.ts";
import { PackCache } from "../../../../agent/packs/pack-cache-fs.ts";
import type { VirtualenvState } from "../../../../agent/packs/virtualenv.ts";
import { PackRefusals } from "../../../../agent/policy/pack-refusals.ts";
import type { SensorAssignment } from "../../../../agent/sensors/desired-sensor.ts";
import { ProvenStore } from "../../../../agent/sensors/proven-store.ts";
import type { SensorStatus } from "../../../../agent/sensors/sensor-reports.ts";
import { agentKey, agentKeys } from "../../../../agent/store/keys.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { openDatabase } from "../../../../shared/storage/database-store.ts";
import { systemClock, systemTimers } from "../../../../shared/system-process.ts";
import type { AssignmentEntry, InventoryEntry } from "../../../../shared/wire/messages.ts";
import { type PackedPack, packedPack, sensorFiles } from "../../../support/packed-pack.ts";
import { testRows } from "../../../support/row-seals.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const schema = "level:\n  type: string\n  default: low\nhost:\n  type: string\n  default: here\n";
const first = packedPack("mine", { ...sensorFiles("One"), "config.schema.yaml": schema });
const second = packedPack("mine", {
  ...sensorFiles("One"),
  ...sensorFiles("Two"),
  "config.schema.yaml": schema,
});
const other = packedPack("other", sensorFiles("Three"));

interface Hub {
  readonly packs: readonly PackedPack[];
  isAway: boolean;
}

let assignments = 0;

/** An agent's packs on a real database and folder; the sensors are only written down. */
async function startPacks(folder: string, hub: Hub) {
  const database = await openDatabase({ folder: join(folder, "db"), format: 1, newId: () => "one" });
  const rounds: (readonly SensorAssignment[])[] = [];
  const inventories: InventoryEntry[] = [];
  const outbox = { isFull: false };
  const cache = await PackCache.open({
    folder: join(folder, "packs"),
    fetch: async (digest) => {
      const found = hub.packs.find((pack) => pack.digest === digest);
      if (hub.isAway || found === undefined) throw new PetrelError("ASK_TIMEOUT", "no answer");
      return found.bytes;
    },
    monotonic: () => systemClock.monotonic(),
    log: silentLogger,
  });
  const proven = new ProvenStore(database);
  const virtualenvs: { of: string; state: VirtualenvState } = { of: "sha256:none", state: { state: "none" } };
  const policy = { digest: null as string | null, packs: new Set<string>(), sensors: new Set<string>() };
  const toldOfSensors: SensorStatus[] = [];
  const refusal = (isRefused: boolean, name: string) =>
    isRefused ? new PetrelError("HOST_REFUSED", `not ${name}`) : null;
  const refusals = new PackRefusals({
    policy: {
      get digest() {
        return policy.digest;
      },
      refusesPack: (pack) => refusal(policy.packs.has(pack), pack),
      refusesSensor: (sensor) => refusal(policy.sensors.has(sensor), sensor),
    },
    report: (status) => void toldOfSensors.push(status),
    now: () => "t",
  });
  const applier = new PackApplier({
    assignments: new AssignmentsStore(database, testRows),
    cache,
    proven,
    virtualenvs: {
      stateOf: (folder) => (folder.endsWith(virtualenvs.of.slice(7)) ? virtualenvs.state : { state: "none" }),
    },
    policy: refusals,
    host: { apply: (desired) => rounds.push(desired), foldersInUse: () => new Set<string>() },
    append: async (entries) => {
      if (outbox.isFull) throw new PetrelError("LINK_OUTBOX_FULL", "full");
      inventories.push(...entries);
    },
    facts: { host: "h", version: "1", platform: "linux-x64", labels: { role: "web" }, runners: ["noop"] },
    pinnedDigests: async () => [],
    newId: () => "id",
    clock: systemClock,
    timers: systemTimers,
    jitter: () => 0,
    log: silentLogger,
    backoff: { firstMs: 10, mostMs: 20 },
  });
  const assign = async (
    pack: PackedPack | null,
    config: JsonObject = {},
    { ref = "mine", ...more }: Partial<AssignmentEntry> & { readonly ref?: string } = {},
  ) => {
    const entry: AssignmentEntry = {
      kind: "assignment",
      id: `01K${String(++assignments).padStart(23, "0")}`,
      at: "2026-01-01T00:00:00.000Z",
      pack: pack?.ref ?? ref,
      digest: pack?.digest ?? null,
      size: pack?.bytes.length ?? 0,
      config,
      ...more,
    };
    await database.level.put(agentKey(agentKeys.assignment, entry.pack), JSON.stringify(entry));
    applier.changed();
  };
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await applier.close();
    await database.close();
  };
  onTestFinished(close);
  const running = () => (rounds.at(-1) ?? []).map(({ definition }) => definition.ref);
  const told = { sensors: toldOfSensors };
  return { applier, assign, proven, rounds, running, inventories, outbox, virtualenvs, policy, told, close };
}

describe("assignments", () => {
  test("start the sensors of a version with its configuration, and tell the hub what is held", async () => {
    const packs = await startPacks(await tempFolder(), { packs: [first, other], isAway: false });
    await packs.applier.start();
    expect(packs.inventories).toMatchObject([{ packs: {}, runners: ["noop"], labels: { role: "web" } }]);
    await packs.assign(first, { host: "there" });
    await packs.assign(other);
    await waitUntil("both run", () => packs.running().length === 2);
    expect(packs.running()).toEqual(["mine.One", "other.Three"]);
    const [mine] = packs.rounds.at(-1) ?? [];
    expect(mine).toMatchObject({ config: { level: "low", host: "there" } });
    expect(mine?.triggerTypes.map(({ ref }) => ref)).toEqual(["mine.seen_one"]);
    expect(await packs.applier.packConfig("mine", first.digest)).toEqual({ level: "low", host: "there" });
    const held = { mine: first.digest, other: other.digest };
    await waitUntil("told", () => JSON.stringify(packs.inventories.at(-1)?.packs) === JSON.stringify(held));
    const told = packs.inventories.length;
    await packs.assign(first, { host: "elsewhere" });
    // Actions meet what is assigned, whether its round is over or not.
    expect(await packs.applier.packConfig("mine", first.digest)).toMatchObject({ host: "elsewhere" });
    await waitUntil("configured anew", () => packs.rounds.at(-1)?.[0]?.config.host === "elsewhere");
    expect(packs.inventories.length).toBe(told);
  });

  test("say which sensors run, whatever the pack's files say", async () => {
    const packs = await startPacks(await tempFolder(), { packs: [second], isAway: false });
    await packs.assign(second);
    await waitUntil("both run", () => packs.running().length === 2);
    const off = { sensors: [{ sensor: "mine.Two", enabled: false }] };
    await packs.assign(second, {}, off);
    await waitUntil("one is off", () => packs.running().join() === "mine.One");
    await packs.assign(second);
    await waitUntil("both run again", () => packs.running().length === 2);
  });

  test("of no version take the pack away", async () => {
    const packs = await startPacks(await tempFolder(), { packs: [first], isAway: false });
    await packs.assign(first);
    await waitUntil("it runs", () => packs.running().length === 1);
    await packs.assign(null);
    await waitUntil("it is gone", () => packs.running().length === 0);
    await waitUntil("told", () => JSON.stringify(packs.inventories.at(-1)?.packs) === "{}");
  });

  test("work after a restart with the hub away", async () => {
    const folder = await tempFolder();
    const hub = { packs: [first], isAway: false };
    const before = await startPacks(folder, hub);
    await before.assign(first, { level: "high" });
    await waitUntil("it runs", () => before.running().length === 1);
    await before.close();
    hub.isAway = true;
    const after = await startPacks(folder, hub);
    await after.applier.start();
    expect(after.running()).toEqual(["mine.One"]);
    expect(await after.applier.packConfig("mine", first.digest)).toMatchObject({ level: "high" });
  });

  test("of a version that cannot be had leave the one before running, also after a restart, until it comes", async () => {
    const folder = await tempFolder();
    const hub = { packs: [first, second, other], isAway: false };
    const before = await startPacks(folder, hub);
    await before.assign(first, { level: "old" });
    await waitUntil("it runs", () => before.running().length === 1);
    hub.isAway = true;
    await before.assign(second, { level: "new" });
    await before.assign(other);
    await waitUntil("a round with the new assignments", () => before.rounds.length >= 3);
    expect(before.running()).toEqual(["mine.One"]);
    expect(await before.applier.packConfig("mine", first.digest)).toMatchObject({ level: "old" });
    await before.close();
    const after = await startPacks(folder, hub);
    await after.applier.start();
    expect(after.running()).toEqual(["mine.One"]);
    expect(await after.applier.packConfig("mine", first.digest)).toMatchObject({ level: "old" });
    hub.isAway = false;
    await waitUntil("the new version runs", () => after.running().length === 3);
    expect(after.running()).toEqual(["mine.One", "mine.Two", "other.Three"]);
    expect(await after.applier.packConfig("mine", second.digest)).toMatchObject({ level: "new" });
    // Once the round has noted what it carried out.
    await waitUntil(
      "the old version to have the new configuration",
      async () => (await after.applier.packConfig("mine", first.digest)).level === "new",
    );
  });

  test("carry the way back: what last became ready, on disk until the sensor or the pack goes", async () => {
    const folder = await tempFolder();
    const hub = { packs: [first, second, other], isAway: false };
    const before = await startPacks(folder, hub);
    await before.assign(first, { level: "old" });
    const [ready] = await waitUntil("it runs", () =>
      before.running().length === 1 ? before.rounds.at(-1) : null,
    );
    if (ready === undefined) throw new Error("nothing runs");
    await before.proven.record(ready);
    await before.assign(second, { level: "new" });
    await waitUntil("the new version", () => before.running().length === 2);
    await before.assign(other);
    await waitUntil("a round after it", () => before.running().length === 3);
    await before.close();
    hub.isAway = true;
    const after = await startPacks(folder, hub);
    await after.applier.start();
    const [one, two] = after.rounds.at(-1) ?? [];
    expect(one).toMatchObject({ packDigest: second.digest, config: { level: "new" } });
    expect(one?.proven).toMatchObject({ packDigest: first.digest, config: { level: "old" } });
    expect(await readdir(one?.proven?.packFolder ?? "")).toContain("sensors");
    expect([two?.definition.ref, two?.proven]).toEqual(["mine.Two", null]);

    await after.assign(null);
    await waitUntil("the pack is gone", () => after.running().length === 1);
    expect(await after.proven.all()).toEqual([]);
  });

  test("are told once more to a hub that has forgotten them", async () => {
    const packs = await startPacks(await tempFolder(), { packs: [first], isAway: false });
    await packs.applier.start();
    await packs.assign(first);
    await waitUntil("told", () => packs.inventories.at(-1)?.packs.mine === first.digest);
    const told = packs.inventories.length;
    packs.applier.tellAgain();
    await waitUntil("told again", () => packs.inventories.length === told + 1);
    expect(packs.inventories.at(-1)).toMatchObject({
      labels: { role: "web" },
      packs: { mine: first.digest },
    });
  });

  test("are carried out with a full outbox too; the hub is told when there is room", async () => {
    const packs = await startPacks(await tempFolder(), { packs: [first], isAway: false });
    packs.outbox.isFull = true;
    await packs.assign(first);
    await waitUntil("it runs", () => packs.running().length === 1);
    expect(packs.inventories).toEqual([]);
    packs.outbox.isFull = false;
    await waitUntil("told", () => packs.inventories.at(-1)?.packs.mine === first.digest);
  });

  test("whose requirements are being installed wait for them; the version before goes on, and why one failed is told", async () => {
    const packs = await startPacks(await tempFolder(), { packs: [first, second], isAway: false });
    await packs.assign(first);
    await waitUntil("the first runs", () => packs.running().length === 1);
    packs.virtualenvs.state = { state: "building" };
    packs.virtualenvs.of = second.digest;
    await packs.assign(second);
    await waitUntil("told that it is prepared", () => packs.inventories.at(-1)?.preparing?.join() === "mine");
    expect(packs.running()).toEqual(["mine.One"]);
    expect(packs.inventories.at(-1)?.packs.mine).toBe(first.digest);

    packs.virtualenvs.state = {
      state: "failed",
      error: new PetrelError("PACK_VIRTUALENV", "pip said no", { hint: "mend it" }),
    };
    packs.applier.changed();
    await waitUntil("told why", () => packs.inventories.at(-1)?.problems !== undefined);
    expect(packs.inventories.at(-1)).toMatchObject({
      packs: { mine: second.digest },
      problems: { mine: "PACK_VIRTUALENV: pip said no; mend it" },
    });
    const failed = packs.rounds.at(-1)?.[0]?.codeDigest;
    packs.virtualenvs.state = { state: "ready", python: "/p" };
    packs.applier.changed();
    await waitUntil("told that it is well", () => packs.inventories.at(-1)?.problems === undefined);
    // Another code digest is what has the sensor started at once.
    expect(packs.rounds.at(-1)?.[0]?.codeDigest).not.toBe(failed);
  });

  test("that the host does not let be are neither fetched nor run, and the hub is told; sensors likewise", async () => {
    const folder = await tempFolder();
    const packs = await startPacks(folder, { packs: [second, other], isAway: false });
    Object.assign(packs.policy, { digest: "sha256:policy", packs: new Set(["other"]) });
    packs.policy.sensors.add("mine.Two");
    await packs.assign(other);
    await packs.assign(second, {}, { fingerprint: "f" });
    await waitUntil("one runs", () => packs.running().join() === "mine.One");
    await waitUntil("told", () => packs.inventories.at(-1)?.packs.mine === second.digest);
    expect(packs.inventories.at(-1)).toMatchObject({
      packs: { mine: second.digest },
      problems: { other: "HOST_REFUSED: not other" },
      policy: "sha256:policy",
    });
    expect(packs.inventories.at(-1)?.packs).not.toHaveProperty("other");
    expect(packs.told.sensors).toMatchObject([
      { sensor: "mine.Two", state: "failed", fingerprint: "f", last_error: "HOST_REFUSED: not mine.Two" },
    ]);
    expect(await readdir(join(folder, "packs"))).not.toContain("other");

    // The file changes: what it lets be comes, what it lets be no more goes.
    Object.assign(packs.policy, { digest: null, packs: new Set(["mine"]), sensors: new Set() });
    packs.applier.changed();
    await waitUntil("the other runs", () => packs.running().join() === "other.Three");
    await waitUntil("told", () => packs.inventories.at(-1)?.packs.other === other.digest);
    expect(packs.inventories.at(-1)).toMatchObject({
      packs: { other: other.digest },
      problems: { mine: "HOST_REFUSED: not mine" },
      policy: null,
    });
  });
});
