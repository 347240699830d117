/** `petrel backup` of a hub at work, and `petrel restore`, as an operator meets them. */
import {
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { storeFormat } from "../../../hub/store/format.ts";
import { openLevelStore } from "../../../hub/store/level-store.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { systemClock, systemRandom } from "../../../shared/system-process.ts";
import { createAgent, createHub, type TestHub } from "../../support/fleet.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { createStream, settledHistory } from "../../support/stream.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

const large = (hub: TestHub) =>
  hub.api<{ items: Execution[] }>("POST", "/v1/executions", {
    action: "core.local",
    parameters: { cmd: "head -c 300000 /dev/zero | tr '\\0' x" },
    target: { host: "web-1" },
  });

test("a backup made while triggers stream in is whole, private, and restores to the same records", async () => {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start();
  const stream = await createStream(hub, agent, { count: 400 });
  await large(hub);
  const executions = () => hub.all<Execution>("/v1/executions");
  await waitUntil("a result in a blob", async () =>
    (await executions()).some(({ status, result_blob }) => status === "succeeded" && result_blob !== null),
  );
  stream.go();
  await stream.reached("append", 50);
  const folder = join(await tempFolder("backup"), "deep", "monday");
  const made = await runPetrel(["backup", folder, "--data", hub.data, "--json"]);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  const { manifest } = JSON.parse(made.stdout);
  expect(manifest).toMatchObject({ kind: "petrel-backup", format: storeFormat, blobs_missing: [] });
  expect(manifest.records).toBeGreaterThan(100);
  expect(manifest.blobs).toBeGreaterThan(1);
  expect(JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"))).toEqual(manifest);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(readdirSync(folder).sort()).toEqual(["blobs", "datastore.key", "manifest.json", "store"]);
  expect(readdirSync(join(folder, ".."))).toEqual(["monday"]);
  await settledHistory(hub, stream);
  await agent.stop();
  await hub.stop();

  // No hub runs on the backup itself.
  await expect(
    openLevelStore({
      folder: join(folder, "store"),
      clock: systemClock,
      random: systemRandom,
      logger: silent as never,
    }),
  ).rejects.toMatchObject({ code: "STORE_FORMAT" });

  const other = await createHub();
  const restored = await runPetrel(["restore", folder, "--data", other.data]);
  expect(restored).toMatchObject({ code: 0, stderr: "" });
  expect(existsSync(join(other.data, "api.json"))).toBe(false);
  await other.start();
  const instances = await other.all<{ id: string }>("/v1/trigger-instances?trigger=stream.number");
  expect(instances.length).toBeGreaterThanOrEqual(50);
  expect(instances.length).toBeLessThanOrEqual(400);
  const blob = (await other.all<Execution>("/v1/executions")).find(({ result_blob }) => result_blob !== null);
  const { result } = await other.api<Execution>("GET", `/v1/executions/${blob?.id}`);
  expect(JSON.stringify(result)).toContain("x".repeat(300_000));
});

test("secrets of the datastore are restored with their key, and another hub's key is kept", async () => {
  const hub = await createHub();
  await hub.start();
  const petrel = (...args: readonly string[]) => runPetrel([...args, "--data", hub.data]);
  const keyFile = (folder: string) => join(folder, "datastore.key");
  await petrel("key", "set", "pw", "hunter2", "--encrypt");
  const folder = join(await tempFolder("backup"), "monday");
  const made = await petrel("backup", folder, "--json");
  expect(JSON.parse(made.stdout).manifest).toMatchObject({ datastore_key: true });
  expect(statSync(keyFile(folder)).mode & 0o777).toBe(0o600);
  await hub.stop();

  // A hub that has lost everything, and has secrets of its own since then.
  const other = await createHub();
  const there = (...args: readonly string[]) => runPetrel([...args, "--data", other.data]);
  await other.start();
  await there("key", "set", "other", "hunter3", "--encrypt");
  await other.stop();
  const own = readFileSync(keyFile(other.data), "utf8");
  expect(await there("restore", folder, "--force")).toMatchObject({ code: 0, stderr: "" });
  const aside = readdirSync(other.data).filter((name) => name.startsWith("datastore.key.before-"));
  expect(aside.map((name) => readFileSync(join(other.data, name), "utf8"))).toEqual([own]);
  expect(statSync(keyFile(other.data)).mode & 0o777).toBe(0o600);
  await other.start();
  expect((await there("key", "get", "pw", "--decrypt")).stdout).toContain("value: hunter2");
  await other.stop();

  // Without its key, a database with secrets is not whole.
  rmSync(keyFile(folder));
  expect(await there("restore", folder, "--force")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/BACKUP_INVALID.*datastore\.key/s),
  });
  // A hub without it starts, says so, and goes on with everything else.
  rmSync(keyFile(other.data));
  await other.start();
  expect(await there("key", "get", "pw", "--decrypt")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("KEY_FILE"),
  });
  expect((await there("key", "set", "plain", "1")).code).toBe(0);
  expect(existsSync(keyFile(other.data))).toBe(false);
}, 120_000);

test("what a backup or a restore may not touch is refused by name, and stays as it was", async () => {
  const hub = await createHub();
  await hub.start();
  const full = await tempFolder("full");
  writeFileSync(join(full, "mine"), "");
  const backup = (folder: string) => runPetrel(["backup", folder, "--data", hub.data]);
  expect(await backup(full)).toMatchObject({ code: 1, stderr: expect.stringContaining("FOLDER_NOT_EMPTY") });
  expect(await backup(join(hub.data, "inside"))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("CLI_USAGE"),
  });
  expect(await backup("/proc/petrel")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("FOLDER_UNUSABLE"),
  });
  await expect(hub.api("POST", "/v1/backups", { folder: "relative" })).rejects.toThrow("CLI_USAGE");
  expect(readdirSync(full)).toEqual(["mine"]);

  const good = join(await tempFolder("backup"), "good");
  expect(await backup(good)).toMatchObject({ code: 0 });
  const restore = (from: string, ...more: string[]) =>
    runPetrel(["restore", from, "--data", hub.data, ...more]);
  expect(await restore(good, "--force")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("STORE_LOCKED"),
  });
  const { hub: name } = await hub.api<{ hub: string }>("GET", "/v1/hub");
  await hub.stop();
  expect(await restore(good)).toMatchObject({ code: 1, stderr: expect.stringContaining("FOLDER_NOT_EMPTY") });
  expect(await restore(full, "--force")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("BACKUP_INVALID"),
  });
  const table = readdirSync(join(good, "store")).find((file) => /\.(ldb|log)$/.test(file)) ?? "";
  const kept = readFileSync(join(good, "store", table));
  rmSync(join(good, "store", table));
  expect(await restore(good, "--force")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("BACKUP_INVALID"),
  });
  writeFileSync(join(good, "store", table), kept);
  expect(readdirSync(hub.data).filter((file) => file.startsWith("store.before"))).toEqual([]);

  // A database that cannot be opened any more is what a restore is for.
  const list = readdirSync(join(hub.data, "store")).find((file) => file.startsWith("MANIFEST")) ?? "";
  writeFileSync(join(hub.data, "store", list), "x".repeat(100));
  const forced = await restore(good, "--force");
  expect(forced).toMatchObject({ code: 0, stderr: "" });
  expect(readdirSync(hub.data).filter((file) => file.startsWith("store.before"))).toHaveLength(1);
  await hub.start();
  expect(await hub.api("GET", "/v1/hub")).toMatchObject({ hub: name });
  await hub.stop();

  // As a restore leaves it that was killed at the worst moment.
  renameSync(join(hub.data, "store"), join(hub.data, "store.restoring"));
  expect(await runPetrel(["hub", "--dev", "--data", hub.data, "--http", "0", "--mqtt", "0"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("interrupted"),
  });
  // Root restores for the user whose folder it is, who has to read it.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(hub.data, 12_345, 12_345);
  expect(await restore(good, "--force")).toMatchObject({ code: 0 });
  const restored = readdirSync(hub.data, { recursive: true }).filter(
    (name) => !String(name).startsWith("agent"),
  );
  const owners = new Set(restored.map((name) => statSync(join(hub.data, String(name))).uid));
  expect([...owners]).toEqual([isRoot ? 12_345 : process.getuid?.()]);
  expect(readdirSync(hub.data)).not.toContain("store.restoring");
});
