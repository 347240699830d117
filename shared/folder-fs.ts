/** What several parts do to folders: make one, see whether one is empty, and have it on disk. */
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { chmod, mkdir, open, readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { PetrelError } from "./errors.ts";

/**
 * Creates what is missing of it, with this mode, and resolves once its name is on disk: what is synced in a folder
 * that is itself forgotten is lost with it. Rejects with the system's error.
 */
export async function makeFolder(folder: string, mode: number): Promise<void> {
  const path = resolve(folder);
  await syncMade(path, await mkdir(path, { recursive: true, mode }));
}

/** `first`: the highest one that was made. */
async function syncMade(path: string, first: string | undefined): Promise<void> {
  // One that was there already may have been made by a process that was killed before it got this far.
  const highest = dirname(first ?? path);
  for (let above = dirname(path); ; above = dirname(above)) {
    await syncAbove(above);
    if (above.length <= highest.length) return;
  }
}

/** As `makeFolder`, whatever the umask is; folders above it that are missing are made with 0755. */
export async function makeFolderAs(folder: string, mode: number): Promise<void> {
  const path = resolve(folder);
  const first = await mkdir(path, { recursive: true, mode });
  if (first !== undefined) {
    for (let each = path; ; each = dirname(each)) {
      await chmod(each, each === path ? mode : 0o755);
      if (each.length <= first.length) break;
    }
  }
  await syncMade(path, first);
}

/** A folder above ours may be closed to us, or lie where there is nothing to sync: others have made it last. */
async function syncAbove(folder: string): Promise<void> {
  try {
    await syncFolder(folder);
  } catch (error) {
    if (!isOthers(error)) throw error;
  }
}

function isOthers(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EACCES" || code === "EPERM" || code === "EINVAL" || code === "EROFS";
}

/** `makeFolder` where nothing can be waited for. A folder that is there is as on disk as its maker left it. */
export function makeFolderNow(folder: string, mode: number): void {
  const path = resolve(folder);
  const first = mkdirSync(path, { recursive: true, mode });
  if (first === undefined) return;
  const highest = dirname(first);
  for (let above = dirname(path); ; above = dirname(above)) {
    try {
      const handle = openSync(above, "r");
      try {
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
    } catch (error) {
      if (!isOthers(error)) throw error;
    }
    if (above.length <= highest.length) return;
  }
}

/** See `makeFolder`. FOLDER_UNUSABLE. */
export async function makeDataFolder(folder: string, mode: number): Promise<void> {
  try {
    await makeFolder(folder, mode);
  } catch (cause) {
    throw new PetrelError("FOLDER_UNUSABLE", `the data folder cannot be used: ${(cause as Error).message}`, {
      where: folder,
      hint: "choose another with --data, or mend its owner and mode",
      cause,
    });
  }
}

/** Names in it; empty when it does not exist. FOLDER_UNUSABLE when it is no folder, or may not be read. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [];
    throw unusable(folder, cause);
  }
}

/** Resolves once the folder's names are on disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Resolves once the plain files right in it, and their names, are on disk. */
export async function syncFiles(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const handle = await open(join(folder, entry.name), "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
  await syncFolder(folder);
}

/** FOLDER_UNUSABLE; `hint`: how to mend it, where more is known than in general. */
export function unusable(
  folder: string,
  cause: unknown,
  { hint = "name another one, or mend its owner and mode" } = {},
): PetrelError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PetrelError("FOLDER_UNUSABLE", `the folder cannot be used: ${why}`, {
    where: folder,
    hint,
    cause,
  });
}
