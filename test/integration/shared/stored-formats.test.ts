/** Databases as every format so far was written by the real hub and agent: each opens, and is read, by today's. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openAgentStore } from "../../../agent/store/agent-store.ts";
import { agentStoreFormat } from "../../../agent/store/format.ts";
import { openDatastore } from "../../../hub/datastore/open-datastore-fs.ts";
import { openedEntry } from "../../../hub/secrets/opened-entry.ts";
import { openedParameters } from "../../../hub/secrets/sealed-execution.ts";
import { storeFormat } from "../../../hub/store/format.ts";
import { openLevelStore } from "../../../hub/store/level-store.ts";
import { silentLogger } from "../../../shared/log.ts";
import { openDatabase } from "../../../shared/storage/database-store.ts";
import { storedFormat } from "../../../shared/storage/stored-format-store.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../../shared/system-process.ts";
import { faultsOf, verifyAll } from "../../support/audit.ts";
import { newId } from "../../support/link-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { testSealer } from "../../support/test-sealer.ts";

const stores = resolve(import.meta.dirname, "../../fixtures/stores");
const formats = (newest: number) => Array.from({ length: newest }, (_, i) => i + 1);

/** A copy to write on. A format without a database here was never seen by a test. */
async function copyOf(name: string, keyFile = "secrets.key"): Promise<string> {
  const stored = join(stores, name);
  expect(existsSync(stored), `${name}: made by the last version that wrote this format`).toBe(true);
  const folder = join(await tempFolder("stored"), "store");
  cpSync(stored, folder, { recursive: true });
  // Only since there is one.
  const key = `${stored}.key`;
  if (existsSync(key)) cpSync(key, join(dirname(folder), keyFile));
  return folder;
}

// One agent named `hub` with the label role=centre; one action that succeeded, one that failed, both by hand.
describe.each(formats(storeFormat))("a hub's database of format %d", (format) => {
  test("has its agent, its packs and its history, and takes what comes", async () => {
    const store = await openLevelStore({
      folder: await copyOf(`hub-format-${format}`),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    onTestFinished(() => store.close());
    const { items } = await store.executions({}, { limit: 10 });
    expect(items.map(({ action, status }) => `${action} ${status}`)).toEqual([
      "core.local failed",
      "core.local succeeded",
    ]);
    expect(items[1]?.result).toMatchObject({ stdout: "one", return_code: 0 });
    expect(await store.agent("hub")).toMatchObject({ host: "web-1", labels: { role: "centre" } });
    expect((await store.packs()).map(({ ref }) => ref)).toContain("core");
    expect(await store.counts()).toEqual({ instances: 0, pending: 0, dead_letters: 0 });
    const claim = await store.claimAgent(String(await store.setting("hub")), "hub", 60_000, Date.now());
    expect(claim?.agent).toBe("hub");
    expect(faultsOf(await verifyAll(store))).toEqual([]);
  });
});

describe.each(formats(agentStoreFormat))("an agent's database of format %d", (format) => {
  test("is still the same agent's, keeps what it has sent, and takes what comes", async () => {
    const store = await openAgentStore({
      data: dirname(await copyOf(`agent-format-${format}`)),
      newId,
      now: () => Date.now(),
      log: silentLogger,
    });
    onTestFinished(() => store.close());
    expect(store.database.incarnation).toMatch(/^01/);
    // Receipts are noted with what is written next: the last entries are told once more.
    const { entries, keptBytes } = store.outbox.figures();
    expect(keptBytes).toBeGreaterThan(0);
    const [sent] = store.outbox.epochs();
    expect(sent?.last).toBeGreaterThan(3);
    const kinds = (await store.outbox.read(sent?.id ?? "", 1, 100, 1_000_000)).map(({ entry }) => entry.kind);
    expect(kinds).toContain("inventory");
    expect(kinds.filter((kind) => kind === "execution-update").length).toBeGreaterThanOrEqual(4);
    const gap = { id: newId(), at: new Date().toISOString(), epoch: "e", from: 1, to: 1, reason: "" };
    await store.outbox.append([{ kind: "link-gap", ...gap }]);
    expect(store.outbox.figures().entries).toBe(entries + 1);
  });
});

// Made by the first version that kept secrets like this, each with its key; a new format needs a pair of its own.
describe("what is secret in a database is opened with the key beside it", () => {
  test("by the hub: an execution's parameters, for another run and for the agent", async () => {
    const folder = await copyOf("hub-format-5-sealed", "datastore.key");
    const store = await openLevelStore({
      folder,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    onTestFinished(() => store.close());
    const common = {
      store,
      newId,
      now: Date.now,
      timers: systemTimers,
      jitter: systemJitter,
      log: silentLogger,
    };
    const { keys, sealer } = await openDatastore({ ...common, data: dirname(folder), random: systemRandom });
    onTestFinished(() => keys.close());
    const [execution] = (await store.executions({}, { limit: 10 })).items;
    if (execution === undefined) throw new Error("no execution");
    expect(JSON.stringify(execution)).not.toContain("hub-secret-5");
    expect(openedParameters(execution, sealer)).toMatchObject({ token: "hub-secret-5" });
    expect(() => openedParameters(execution, testSealer())).toThrow(
      /KEY_UNREADABLE|another key|with the key/,
    );
    const [epoch] = await store.downEpochs("web-1");
    const [waiting] = await store.readDown("web-1", epoch?.id ?? "", 1, 1, 1e6);
    if (waiting === undefined) throw new Error("no request");
    expect(openedEntry(waiting.entry, sealer, [])).toMatchObject({
      parameters: { token: "hub-secret-5" },
      runner_parameters: { cmd: "login --token hub-secret-5" },
    });
  });

  test("by the agent: a result that the hub has not taken yet", async () => {
    const folder = await copyOf("agent-format-2-sealed");
    const agent = { data: dirname(folder), newId, now: () => Date.now(), log: silentLogger };
    const store = await openAgentStore(agent);
    const [epoch] = store.outbox.epochs();
    const [kept] = await store.outbox.read(epoch?.id ?? "", 1, 1, 1e6);
    expect(JSON.stringify(kept?.entry)).not.toContain("agent-secret-2");
    const [sent] = await store.toSend.read(epoch?.id ?? "", 1, 1, 1e6);
    expect(sent?.entry).toMatchObject({ status: "succeeded", result: { stdout: "agent-secret-2" } });
    await store.close();
    rmSync(join(agent.data, "secrets.key"));
    await expect(openAgentStore(agent)).rejects.toMatchObject({ code: "KEY_FILE" });
  });
});

describe("the format of a database is read without opening it there", () => {
  test.each([
    ...formats(storeFormat).map((format) => [`hub-format-${format}`, format] as const),
    ...formats(agentStoreFormat).map((format) => [`agent-format-${format}`, format] as const),
  ])("%s: %d", async (name, format) => {
    const folder = await copyOf(name);
    const contents = () =>
      readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "base64")]);
    const before = contents();
    const scratch = join(dirname(folder), "scratch");
    expect(await storedFormat(folder, scratch)).toBe(format);
    expect([contents(), existsSync(scratch)]).toEqual([before, false]);
  });

  test("of none, of an empty one, and of what another user has put in its place", async () => {
    const folder = join(await tempFolder("stored"), "store");
    const scratch = join(dirname(folder), "scratch");
    expect(await storedFormat(folder, scratch)).toBeNull();
    const made = await openDatabase({ folder, format: 7, newId });
    await made.close();
    expect(await storedFormat(folder, scratch)).toBe(7);
    const [log = ""] = readdirSync(folder).filter((file) => file.endsWith(".log"));
    rmSync(join(folder, log));
    symlinkSync("/etc/hostname", join(folder, log));
    await expect(storedFormat(folder, scratch)).rejects.toMatchObject({ code: "ELOOP" });
    expect(existsSync(scratch)).toBe(false);
  });
});
