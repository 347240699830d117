/** Puts a backup into a hub's data folder while no hub runs on it. */
import { cp, lchown, lstat, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { BlobStore } from "../../shared/blobs/blob-fs.ts";
import { digestOf } from "../../shared/blobs/blob-ref.ts";
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { makeFolder, namesIn, syncFiles, syncFolder, unusable } from "../../shared/folder-fs.ts";
import type { AgentRollout } from "../../shared/model/agent-rollout.ts";
import type { StoreOp } from "../../shared/storage/committer-store.ts";
import { incarnationKey } from "../../shared/storage/database-store.ts";
import { copyKeyFile, keyFileName } from "../datastore/key-file-fs.ts";
import { copyKeys } from "../identity/copy-keys-fs.ts";
import { backupMark } from "../store/copy-store.ts";
import { storeFormat } from "../store/format.ts";
import { keys, within } from "../store/keys.ts";
import { restoringName } from "./backup-fs.ts";
import { type BackupManifest, invalid, manifestName, parseManifest } from "./manifest.ts";
import { type Restored, restoredSetting } from "./restored.ts";

export interface RestoreOptions {
  /** Absolute paths. */
  readonly backup: string;
  readonly data: string;
  /** Moves a database that is there aside. */
  readonly force: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly newId: () => string;
}

export interface RestoreDone {
  readonly manifest: BackupManifest;
  /** Where the database lies that was there before; `null` when there was none. */
  readonly aside: string | null;
}

/** What may be in the folder without --force: the agent beside the hub keeps its own. */
const mayStay = new Set(["agent"]);

/**
 * Resolves once the restored database is on disk under its name. BACKUP_INVALID, STORE_FORMAT, FILE_UNREADABLE,
 * STORE_LOCKED (a hub runs on the folder), FOLDER_NOT_EMPTY, FOLDER_UNUSABLE: then the folder's database is as it was.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreDone> {
  const { backup, data, force, now } = options;
  const manifest = await readManifest(backup);
  const names = await namesIn(data);
  const store = join(data, "store");
  const old = names.includes("store") ? await hold(store) : null;
  try {
    if (!force && names.some((name) => !mayStay.has(name))) {
      throw new PetrelError("FOLDER_NOT_EMPTY", "the hub's data folder is not empty", {
        where: data,
        hint: "give another --data, or --force to move the database that is there aside",
      });
    }
    if (manifest.datastore_key === true && !(await namesIn(backup)).includes(keyFileName)) {
      throw invalid(`it has no ${keyFileName}`, backup);
    }
    if (manifest.fleet_keys === true && !(await namesIn(backup)).includes("keys")) {
      throw invalid("it has no folder keys", backup);
    }
    const fresh = join(data, restoringName);
    await prepare(data, fresh);
    await copyStore(join(backup, "store"), fresh, manifest, options);
    await copyBlobs(join(backup, "blobs"), join(data, "blobs"), manifest);
    // What was being taken in when the old hub died says nothing about this database.
    await rm(join(data, "intake"), { force: true });
    await old?.close();
    const before = `before-${timestamp(now()).replaceAll(/[:.]/g, "-")}`;
    const aside = old === null ? null : `${store}.${before}`;
    if (aside !== null) await rename(store, aside);
    // While there is no database: whatever happens now, none meets the key of another.
    await copyKeyFile(backup, data, `${keyFileName}.${before}`);
    await copyKeys(backup, data, `keys.${before}`);
    await giveToOwner(data);
    await rename(fresh, store);
    await syncFolder(data);
    return { manifest, aside };
  } finally {
    await old?.close();
  }
}

async function readManifest(backup: string): Promise<BackupManifest> {
  const path = join(backup, manifestName);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw invalid("it has no manifest that can be read", path, cause);
  }
  return parseManifest(text, path, storeFormat);
}

/** Keeps a hub from starting on it meanwhile. A damaged one cannot be held, and need not be. */
async function hold(store: string): Promise<{ close(): Promise<void> }> {
  const level = new ClassicLevel<string, string>(store);
  try {
    await level.open({ createIfMissing: false });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED") {
      throw new PetrelError("STORE_LOCKED", "a hub runs on this folder", {
        where: store,
        hint: "stop it first",
        cause,
      });
    }
  }
  return level;
}

/**
 * Root restores what the hub has to read as the user that its folder belongs to. The agent beside the hub keeps what it
 * has. Before the database has its name, so that no hub starts on files that it cannot read.
 */
async function giveToOwner(data: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await lstat(data);
  if (uid === 0) return;
  for (const name of await readdir(data)) {
    if (mayStay.has(name)) continue;
    const path = join(data, name);
    await lchown(path, uid, gid);
    if (!(await lstat(path)).isDirectory()) continue;
    for (const each of await readdir(path, { recursive: true })) await lchown(join(path, each), uid, gid);
  }
}

async function prepare(data: string, fresh: string): Promise<void> {
  try {
    await makeFolder(data, 0o700);
    await rm(fresh, { recursive: true, force: true });
  } catch (cause) {
    throw unusable(data, cause);
  }
}

/** Nobody expects a hub to go on upgrading agents where it stood when the backup was made: a person has to resume it. */
async function heldRollouts(level: ClassicLevel<string, string>): Promise<readonly StoreOp[]> {
  const all = (await level.values(within(keys.rollouts())).all()).map(
    (text) => JSON.parse(text) as AgentRollout,
  );
  return all
    .filter(({ state, ended_at }) => state === "running" && ended_at === null)
    .map((rollout): StoreOp => {
      const reason = "the hub was restored from a backup, and does not know what has happened since";
      const held: AgentRollout = { ...rollout, state: "paused", reason, rev: rollout.rev + 1 };
      return { type: "put", key: keys.rollout(rollout.id), value: JSON.stringify(held) };
    });
}

/** The backup itself is only read: it may lie on a medium that cannot be written. */
async function copyStore(
  from: string,
  to: string,
  manifest: BackupManifest,
  { now, newId }: RestoreOptions,
): Promise<void> {
  await cp(from, to, { recursive: true }).catch((cause) => {
    throw invalid("its database cannot be copied", from, cause);
  });
  const level = new ClassicLevel<string, string>(to, { keyEncoding: "utf8", valueEncoding: "utf8" });
  await level.open({ createIfMissing: false }).catch((cause) => {
    throw invalid("its database is damaged", from, cause);
  });
  try {
    let records = 0;
    const told: string[] = [];
    for await (const key of level.keys()) {
      if (key !== backupMark) records++;
      if (key.startsWith(keys.setting("told/"))) told.push(key);
    }
    if (records !== manifest.records) {
      throw invalid(`it has ${records} of ${manifest.records} records`, from);
    }
    const restored: Restored = { made_at: manifest.made_at, restored_at: timestamp(now()) };
    const ops: StoreOp[] = [
      { type: "del", key: backupMark },
      // The same hub, but not the same database: what was said to the agents since the backup is not known here.
      { type: "put", key: incarnationKey, value: newId() },
      { type: "put", key: keys.setting(restoredSetting), value: JSON.stringify(restored) },
      ...told.map((key): StoreOp => ({ type: "del", key })),
      ...(await heldRollouts(level)),
    ];
    await level.batch(ops);
  } finally {
    await level.close();
  }
  await syncFiles(to);
}

/** Content is named by its digest, so that what is there already stays. */
async function copyBlobs(from: string, to: string, manifest: BackupManifest): Promise<void> {
  const target = await BlobStore.open({ folder: to });
  let count = 0;
  for (const head of await namesIn(from)) {
    if (!/^[0-9a-f]{2}$/.test(head)) continue;
    for (const rest of await readdir(join(from, head))) {
      const content = await readFile(join(from, head, rest));
      if (digestOf(content) !== `sha256:${head}${rest}`)
        throw invalid("a blob is damaged", join(from, head, rest));
      await target.put(content);
      count++;
    }
  }
  if (count !== manifest.blobs) throw invalid(`it has ${count} of ${manifest.blobs} blobs`, from);
}
