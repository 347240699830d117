/** Files that are there whole or not at all, whenever the power goes. */
import { createHash } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "./folder-fs.ts";

export interface WholeOptions {
  /** Exactly `mode`, whatever the umask takes of it: for what others have to read. */
  readonly isForAll?: boolean;
}

/** Replaces the file in one step; resolves once on disk. Rejects with the system's error: then the old one is there. */
export async function writeWhole(
  path: string,
  text: string,
  mode: number,
  { isForAll = false }: WholeOptions = {},
): Promise<void> {
  const fresh = `${path}.new`;
  // What a crash left here may have another mode.
  await rm(fresh, { force: true });
  const handle = await open(fresh, "wx", mode);
  try {
    try {
      if (isForAll) await handle.chmod(mode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, path);
  } catch (error) {
    // A full disk gets its room back.
    await rm(fresh, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/** The same for who cannot wait; throws the system's error. */
export function writeWholeNow(path: string, text: string, mode: number): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  const file = openSync(fresh, "wx", mode);
  try {
    try {
      // Unlike writeSync(), which writes as much as has room and only says so.
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, path);
  } catch (error) {
    try {
      rmSync(fresh, { force: true });
    } catch {}
    throw error;
  }
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** All of it at that place of an open file, in as many calls as it takes; throws the system's error. */
export function writeAllNow(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
}

/** `null` when there is no such file. Rejects with the system's error for one that cannot be read. */
export async function textIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}

/**
 * `null` for what is not there, has gone, or is others' alone: below /proc, where all of that happens while one reads.
 * Synchronous: those files are answered from memory, without a disk. Throws the system's error for any other reason.
 */
export function textNow(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (["ENOENT", "ENOTDIR", "ESRCH", "EACCES", "EPERM"].includes(code)) return null;
    throw error;
  }
}

/** Renames a file that is of no use, by what is in it: nothing that was moved aside before is lost. */
export async function moveDamagedAside(path: string, text: string): Promise<void> {
  const name = createHash("sha256").update(text).digest("hex").slice(0, 8);
  await rename(path, `${path}.damaged-${name}`);
  await syncFolder(dirname(path));
}
