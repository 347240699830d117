/** Writes a pack's files into a folder so that the folder is either whole or not there. */
import { mkdir, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PetrelError } from "../errors.ts";
import { syncFolder } from "../folder-fs.ts";
import { isSafePath } from "./contents.ts";
import type { PackFile } from "./pack-file.ts";

async function writeSynced(path: string, file: PackFile): Promise<void> {
  const mode = (file.mode & 0o100) === 0 ? 0o644 : 0o755;
  const handle = await open(path, "wx", mode);
  try {
    await handle.writeFile(file.content);
    // The umask may have taken bits that the pack needs.
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** True when `folder` is there; it is complete then, since it appears by a rename. */
async function isThere(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

/**
 * Makes `folder` with exactly `files`; resolves once all of it is on disk. A folder that is already there is left
 * as it is: name folders by digest. Its parent folder must exist. Throws PACK_INVALID for a path that leads
 * out, FOLDER_UNUSABLE when it cannot be written; nothing is left behind then. After a crash a folder
 * `.unpacking-…` may remain beside it, see `isUnpackingFolder`.
 */
export async function writePackFolder(folder: string, files: readonly PackFile[]): Promise<void> {
  const unsafe = files.find(({ path }) => !isSafePath(path));
  if (unsafe !== undefined) {
    throw new PetrelError("PACK_INVALID", `the path ${JSON.stringify(unsafe.path)} is not allowed in a pack`);
  }
  const parent = dirname(folder);
  let temporary: string | null = null;
  try {
    if (await isThere(folder)) return;
    temporary = await mkdtemp(join(parent, `${UNPACKING}${basename(folder).slice(0, 40)}-`));
    await fill(temporary, files);
    await rename(temporary, folder);
    await syncFolder(parent);
  } catch (cause) {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    // Somebody else finished the same folder meanwhile: it has the same contents.
    if (isOccupied(cause) && (await isThere(folder))) return;
    throw new PetrelError("FOLDER_UNUSABLE", `the pack cannot be written to ${folder}`, {
      where: folder,
      hint: "check free space and permissions",
      cause,
    });
  }
}

const UNPACKING = ".unpacking-";

/** True for the name of a folder that a crash left half written; its owner may remove it at the next start. */
export function isUnpackingFolder(name: string): boolean {
  return name.startsWith(UNPACKING);
}

function isOccupied(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOTEMPTY" || error.code === "EEXIST");
}

async function fill(temporary: string, files: readonly PackFile[]): Promise<void> {
  // mkdtemp makes it 0700; actions may run as another user.
  const handle = await open(temporary, "r");
  await handle.chmod(0o755).finally(() => handle.close());
  const folders = new Set<string>();
  for (const file of files) {
    const path = join(temporary, file.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeSynced(path, file);
    for (let above = dirname(path); above.length >= temporary.length; above = dirname(above))
      folders.add(above);
  }
  for (const folder of [...folders, temporary]) await syncFolder(folder);
}
