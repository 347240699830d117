/** Writes a backup: nothing of it has its name before all of it is on disk. */
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { BlobStore } from "../../shared/blobs/blob-fs.ts";
import { timestamp } from "../../shared/clock.ts";
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import { makeFolder, namesIn, syncFiles, syncFolder, unusable } from "../../shared/folder-fs.ts";
import { copyKeyFile } from "../datastore/key-file-fs.ts";
import { copyKeys } from "../identity/copy-keys-fs.ts";
import type { CopyProgress } from "../store/copy-store.ts";
import { noteLastBackup } from "./last-backup-fs.ts";
import { type BackupManifest, backupKind, manifestName } from "./manifest.ts";

export interface BackupSource {
  readonly copy: (
    folder: string,
    madeAt: string,
    progress: CopyProgress,
  ) => Promise<{ readonly records: number; readonly blobs: ReadonlySet<string> }>;
  readonly blobs: Pick<BlobStore, "readAll">;
  readonly format: number;
  readonly version: string;
  readonly hub: string;
  /** The hub's data folder: no backup goes into it. */
  readonly data: string;
  /** Hub time in ms. */
  readonly now: () => number;
}

export interface BackupProgress extends CopyProgress {
  readonly copiedBlobs: (done: number) => void;
}

/** Throws CLI_USAGE, FOLDER_NOT_EMPTY, FOLDER_UNUSABLE: then nothing was touched. */
export async function refuseTarget(folder: string, data: string): Promise<void> {
  if (!isAbsolute(folder)) {
    throw new PetrelError("CLI_USAGE", `'${folder}' is no absolute path`, {
      hint: "name the folder on the hub's host from the root on",
    });
  }
  if (`${folder}/`.startsWith(`${data}/`)) {
    throw new PetrelError("CLI_USAGE", "a backup inside the hub's own data folder would be lost with it", {
      where: folder,
      hint: "name a folder on another disk",
    });
  }
  if ((await namesIn(folder)).length > 0) {
    throw new PetrelError("FOLDER_NOT_EMPTY", "the folder for the backup is not empty", {
      where: folder,
      hint: "name one that does not exist yet",
    });
  }
}

/** Name of a database that is being restored, beside the one it is to replace. */
export const restoringName = "store.restoring";

/**
 * Throws FOLDER_UNUSABLE when a restore was killed between taking the old database away and putting the new one in its
 * place: a hub that started then would begin with nothing.
 */
export async function refuseHalfRestored(data: string): Promise<void> {
  const names = await namesIn(data);
  if (names.includes("store") || !names.includes(restoringName)) return;
  throw new PetrelError("FOLDER_UNUSABLE", "a restore into this folder was interrupted", {
    where: data,
    hint: "run `petrel restore` again, with --force",
  });
}

/** Resolves once the whole backup is on disk under its name. What a failed one has left is removed. */
export async function writeBackup(
  source: BackupSource,
  folder: string,
  progress: BackupProgress,
): Promise<BackupManifest> {
  await refuseTarget(folder, source.data);
  const parent = dirname(folder);
  const unfinished = `${folder}.unfinished`;
  try {
    await makeFolder(parent, 0o700);
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { mode: 0o700 });
  } catch (cause) {
    throw unusable(folder, cause, {
      hint: "the hub writes it itself, as its own user: of an installed hub name a folder below /var/lib/petrel-backups",
    });
  }
  try {
    const manifest = await fill(source, unfinished, progress);
    await rename(unfinished, folder);
    await syncFolder(parent);
    // The backup is whole without it: then the doctor knows of an older one, and says so too early.
    await noteLastBackup(source.data, { at: manifest.made_at, folder }).catch(() => {});
    return manifest;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function fill(source: BackupSource, folder: string, progress: BackupProgress): Promise<BackupManifest> {
  const { copy, blobs, format, version, hub, data, now } = source;
  const made_at = timestamp(now());
  const store = join(folder, "store");
  const copied = await copy(store, made_at, progress);
  await syncFiles(store);
  const target = await BlobStore.open({ folder: join(folder, "blobs") });
  const missing: string[] = [];
  let count = 0;
  for (const digest of copied.blobs) {
    const content = await present(blobs, digest);
    if (content === null) missing.push(digest);
    else await target.put(content);
    if (content !== null) count++;
    progress.copiedBlobs(count);
  }
  // After the database: the key is made before the first value that needs it is kept.
  const datastore_key = await copyKeyFile(data, folder);
  const fleet_keys = await copyKeys(data, folder);
  const manifest: BackupManifest = {
    kind: backupKind,
    format,
    version,
    hub,
    made_at,
    records: copied.records,
    blobs: count,
    blobs_missing: missing,
    datastore_key,
    fleet_keys,
  };
  const file = await open(join(folder, manifestName), "wx", 0o600);
  try {
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(folder);
  return manifest;
}

/** `null` for one that is still on its way from its agent, or damaged: the backup says so. */
async function present(blobs: BackupSource["blobs"], digest: string): Promise<Uint8Array | null> {
  try {
    return await blobs.readAll(digest);
  } catch (error) {
    if (isPetrelError(error) && (error.code === "BLOB_MISSING" || error.code === "BLOB_CORRUPT")) return null;
    throw error;
  }
}
