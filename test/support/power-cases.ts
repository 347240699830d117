/** What the parts of Petrel say is on disk, each with a way to read it back after the power was lost. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { PackCache } from "../../agent/packs/pack-cache-fs.ts";
import { setAside } from "../../agent/store/set-aside-fs.ts";
import { writeBackup } from "../../hub/backup/backup-fs.ts";
import { restoreBackup } from "../../hub/backup/restore-store.ts";
import { readApiFile, writeApiFile } from "../../hub/http/api-file-fs.ts";
import { openLevelStore } from "../../hub/store/level-store.ts";
import { openSqliteStore } from "../../hub/store/sqlite/sqlite-store.ts";
import type { Store } from "../../hub/store/store.ts";
import { BlobStore } from "../../shared/blobs/blob-fs.ts";
import { digestOf } from "../../shared/blobs/blob-ref.ts";
import { makeDataFolder } from "../../shared/folder-fs.ts";
import { silentLogger } from "../../shared/log.ts";
import { writePackFolder } from "../../shared/packs/write-pack-fs.ts";
import { openDatabase } from "../../shared/storage/database-store.ts";
import { claimed, id, outcome, take } from "../contract/store/world.ts";
import { packedPack, sensorFiles } from "./packed-pack.ts";
import { agentCases } from "./power-agent-cases.ts";

export interface PowerCase {
  /** Makes what was on disk long before; `folder` is there. */
  prepare?(folder: string): Promise<unknown>;
  /** Resolves with what was promised, as JSON. What reaches the disk after that is lost. */
  write(folder: string): Promise<unknown>;
  /** What is there, in the same form. */
  read(folder: string): Promise<unknown>;
}

const newId = () => randomBytes(8).toString("hex");
const clock = { now: () => Date.now(), monotonic: () => performance.now() };

function openHub(folder: string) {
  return openLevelStore({ folder: join(folder, "store"), clock, random: randomBytes, logger: silentLogger });
}

function openShared(folder: string) {
  const file = join(folder, "store", "hub.sqlite");
  return openSqliteStore({ file, clock, random: randomBytes, logger: silentLogger });
}

/** One family taken in at once, one that is judged later, one that has ended. */
async function fillHub(store: Store): Promise<void> {
  const claim = await claimed(store);
  const pending = outcome(2);
  const [run] = outcome(3).executions;
  if (run === undefined) throw new Error("an outcome has an execution");
  await store.takeIn(
    take(claim, 0, [
      { type: "outcome", outcome: outcome(1) },
      { type: "instance", instance: { ...pending.instance, status: "pending" } },
      { type: "outcome", outcome: outcome(3) },
    ]),
  );
  await store.process(pending);
  await store.updateExecution({ ...run, status: "succeeded", rev: 2 }, 1);
}

async function readHub(store: Store) {
  const statuses = [1, 2, 3].map(async (n) => {
    const { items } = await store.executions({ trigger_instance: id(n) }, { limit: 10 });
    return [(await store.instance(id(n)))?.status, ...items.map(({ status }) => status)];
  });
  const epochs = await store.downEpochs("web-1");
  return {
    families: await Promise.all(statuses),
    mark: (await store.marks("web-1", ["E1"])).get("E1"),
    sent: epochs.map(({ first, last }) => [first, last]),
  };
}

const wholeHub = {
  families: [
    ["processed", "scheduled"],
    ["processed", "scheduled"],
    ["processed", "succeeded"],
  ],
  mark: 3,
  sent: [[1, 3]],
};

async function backUp(data: string, folder: string): Promise<void> {
  const store = await openHub(data);
  const blobs = await BlobStore.open({ folder: join(data, "blobs") });
  const source = { copy: store.copy, blobs, format: 1, version: "0", hub: "h", data, now: Date.now };
  await writeBackup(source, folder, { blobs() {}, records() {}, copiedBlobs() {} });
  await store.close();
}

async function filledHub(data: string): Promise<void> {
  const store = await openHub(data);
  await fillHub(store);
  await store.close();
}

async function readFilled(data: string) {
  const store = await openHub(data);
  try {
    return await readHub(store);
  } finally {
    await store.close();
  }
}

const restore = (backup: string, data: string) =>
  restoreBackup({ backup, data, force: false, now: Date.now, newId });

const content = Buffer.alloc(200_000, "petrel ");
const pack = packedPack("mine", sensorFiles("One"));
const packFiles = [
  { path: "pack.yaml", mode: 0o644, content: Buffer.from("ref: mine\n") },
  { path: "actions/lib/deep.sh", mode: 0o755, content: Buffer.from("#!/bin/sh\n") },
];

const openCache = (folder: string) =>
  PackCache.open({
    folder: join(folder, "packs"),
    fetch: () => Promise.resolve(pack.bytes),
    monotonic: () => 0,
    log: silentLogger,
  });

async function contentOf(folder: string): Promise<string | undefined> {
  const blobs = await BlobStore.open({ folder: join(folder, "blobs") });
  const bytes = await blobs.readAll(digestOf(content)).catch(() => undefined);
  return bytes === undefined ? undefined : digestOf(bytes);
}

export const powerCases: Readonly<Record<string, PowerCase>> = {
  ...agentCases,
  "a new database keeps its identity": {
    async write(folder) {
      const path = join(folder, "deep", "store");
      return (await openDatabase({ folder: path, format: 1, newId })).incarnation;
    },
    async read(folder) {
      const database = await openDatabase({ folder: join(folder, "deep", "store"), format: 1, newId });
      await database.close();
      return database.incarnation;
    },
  },
  "a commit that is resolved": {
    prepare: async (folder) =>
      (await openDatabase({ folder: join(folder, "store"), format: 1, newId })).close(),
    async write(folder) {
      const { committer } = await openDatabase({ folder: join(folder, "store"), format: 1, newId });
      await committer.commit({ ops: [{ type: "put", key: "k", value: "v" }], bytes: 2, source: "s" });
      return "v";
    },
    async read(folder) {
      const { level, close } = await openDatabase({ folder: join(folder, "store"), format: 1, newId });
      const value = await level.get("k");
      await close();
      return value;
    },
  },
  "a database that was brought to a newer format": {
    async prepare(folder) {
      const { level, close } = await openDatabase({ folder: join(folder, "store"), format: 1, newId });
      await level.put("a", "1", { sync: true });
      await close();
    },
    async write(folder) {
      const change = (key: string) => [{ type: "put", key, value: "2" } as const];
      await openDatabase({
        folder: join(folder, "store"),
        format: 2,
        newId,
        migrations: [{ from: 1, change }],
      });
      return ["2", "2", null];
    },
    async read(folder) {
      const level = new ClassicLevel<string, string>(join(folder, "store"));
      const values = await level.getMany(["a", "~format", "~migrating"]);
      await level.close();
      return values.map((value) => value ?? null);
    },
  },
  "what the hub's store has taken in, judged and ended": {
    async write(folder) {
      await fillHub(await openHub(folder));
      return wholeHub;
    },
    read: readFilled,
  },
  "what a store that several hubs share has taken in, judged and ended": {
    async write(folder) {
      await fillHub(await openShared(folder));
      return wholeHub;
    },
    async read(folder) {
      const store = await openShared(folder);
      const found = await readHub(store);
      await store.close();
      return found;
    },
  },
  "a data folder": {
    async write(folder) {
      await makeDataFolder(join(folder, "one", "two"), 0o700);
      return ["two"];
    },
    read: (folder) => readdir(join(folder, "one")),
  },
  "a blob that was stored": {
    async write(folder) {
      const blobs = await BlobStore.open({ folder: join(folder, "blobs") });
      return (await blobs.put(content)).digest;
    },
    read: contentOf,
  },
  "a blob that was fetched": {
    async write(folder) {
      const blobs = await BlobStore.open({ folder: join(folder, "blobs") });
      await blobs.fetching(digestOf(content), async (partial) => {
        await partial.append(content);
        await partial.finish();
      });
      return digestOf(content);
    },
    read: contentOf,
  },
  "a pack's folder": {
    async write(folder) {
      await writePackFolder(join(folder, "pack"), packFiles);
      return ["ref: mine\n", "#!/bin/sh\n"];
    },
    read: (folder) =>
      Promise.all(packFiles.map(({ path }) => readFile(join(folder, "pack", path), "utf8").catch(String))),
  },
  "a pack that was fetched": {
    async write(folder) {
      return (await (await openCache(folder)).ensurePack(pack.ref, pack.digest)).codeDigest;
    },
    async read(folder) {
      const cached = await (await openCache(folder)).load(pack.ref, pack.digest);
      return cached === null ? null : cached.codeDigest;
    },
  },
  "a damaged database that was moved aside": {
    prepare: (folder) => mkdir(join(folder, "store")),
    async write(folder) {
      await setAside(folder, 0);
      return ["store.damaged-1970-01-01T00-00-00-000Z"];
    },
    read: (folder) => readdir(folder),
  },
  "the file that names the API's key": {
    async write(folder) {
      await writeApiFile(folder, { url: "u", key: "k", mqtt: "m", pid: 1 });
      return "k";
    },
    read: async (folder) => (await readApiFile(folder))?.key,
  },
  "a backup": {
    prepare: (folder) => filledHub(join(folder, "data")),
    async write(folder) {
      await backUp(join(folder, "data"), join(folder, "backups", "monday"));
      return wholeHub;
    },
    async read(folder) {
      await restore(join(folder, "backups", "monday"), join(folder, "restored"));
      return readFilled(join(folder, "restored"));
    },
  },
  "a restored database": {
    async prepare(folder) {
      await filledHub(join(folder, "data"));
      const blobs = await BlobStore.open({ folder: join(folder, "data", "blobs") });
      await blobs.put(content);
      await backUp(join(folder, "data"), join(folder, "backup"));
    },
    async write(folder) {
      await restore(join(folder, "backup"), join(folder, "restored"));
      return wholeHub;
    },
    read: (folder) => readFilled(join(folder, "restored")),
  },
};
