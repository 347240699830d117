/** Reads a pack's folder: its files, sorted, bounded in number and size, and nothing from outside of it. */
import type { Stats } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { PetrelError } from "../errors.ts";
import { isSafePath, packLimits } from "./contents.ts";
import { isLeftOut } from "./left-out.ts";
import type { PackFile } from "./pack-file.ts";

function unreadable(path: string, cause: unknown): PetrelError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "error";
  const why: Readonly<Record<string, string>> = {
    ENOENT: "does not exist",
    EACCES: "may not be read by this user",
    ENOTDIR: "is not a folder",
    ELOOP: "is a link that leads to itself",
  };
  return new PetrelError("FILE_UNREADABLE", `${path} ${why[code] ?? `cannot be read (${code})`}`, {
    where: path,
    hint: code === "EACCES" ? `make it readable: chmod +r ${path}` : "check the path",
    cause,
  });
}

interface Walk {
  readonly root: string;
  readonly files: PackFile[];
  bytes: number;
}

/**
 * All files below `folder`, by path. Links to files and folders within it are followed, a link that leads out is
 * an error. Throws FILE_UNREADABLE, PACK_TOO_LARGE, and PACK_INVALID when there is no pack.yaml.
 */
export async function readPackFolder(folder: string): Promise<readonly PackFile[]> {
  let root: string;
  try {
    root = await realpath(folder);
  } catch (cause) {
    throw unreadable(folder, cause);
  }
  const walk: Walk = { root, files: [], bytes: 0 };
  await readFolder(walk, root, folder, []);
  walk.files.sort((a, b) => (a.path < b.path ? -1 : 1));
  if (!walk.files.some(({ path }) => path === "pack.yaml" || path === "pack.yml")) {
    throw new PetrelError("PACK_INVALID", `${folder} is not a pack: it has no pack.yaml`, {
      where: folder,
      hint: "name a folder that holds a pack.yaml; `petrel pack create NAME` makes one",
    });
  }
  return walk.files;
}

async function readFolder(
  walk: Walk,
  folder: string,
  shownAs: string,
  above: readonly string[],
): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw unreadable(shownAs, cause);
  });
  // Sorted, so that of several errors the same one is told on every machine.
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isLeftOut(entry.name, entry.isDirectory())) continue;
    await readEntry(walk, join(folder, entry.name), join(shownAs, entry.name), [...above, entry.name]);
  }
}

async function readEntry(walk: Walk, path: string, shownAs: string, steps: readonly string[]): Promise<void> {
  let target: string;
  let status: Stats;
  try {
    target = await realpath(path);
    status = await stat(target);
  } catch (cause) {
    throw unreadable(shownAs, cause);
  }
  if (target !== walk.root && !target.startsWith(walk.root + sep)) {
    throw new PetrelError("FILE_UNREADABLE", `${shownAs} is a link that leads out of the pack`, {
      where: shownAs,
      hint: "copy the file into the pack",
    });
  }
  if (status.isDirectory()) {
    // A link to a folder around itself has no end.
    if (!relative(target, path).startsWith("..") && target !== path) {
      throw new PetrelError("FILE_UNREADABLE", `${shownAs} is a link to a folder that it lies in`, {
        where: shownAs,
        hint: "remove the link",
      });
    }
    await readFolder(walk, path, shownAs, steps);
    return;
  }
  // Sockets, pipes and devices are no content.
  if (status.isFile()) await readOne(walk, target, shownAs, steps.join("/"), status);
}

async function readOne(
  walk: Walk,
  target: string,
  shownAs: string,
  path: string,
  status: Stats,
): Promise<void> {
  if (!isSafePath(path)) {
    throw new PetrelError("PACK_INVALID", `the path ${JSON.stringify(path)} is not allowed in a pack`, {
      where: shownAs,
      hint: `rename it; at most ${packLimits.pathLength} characters, no '\\' and no control characters`,
    });
  }
  walk.bytes += status.size;
  if (walk.files.length >= packLimits.files || walk.bytes > packLimits.totalBytes) {
    throw new PetrelError("PACK_TOO_LARGE", "the folder has too many or too large files for a pack", {
      where: shownAs,
      hint: `at most ${packLimits.files} files and ${packLimits.totalBytes} bytes; is it the pack's own folder?`,
    });
  }
  try {
    walk.files.push({ path, mode: status.mode & 0o777, content: await readFile(target) });
  } catch (cause) {
    throw unreadable(shownAs, cause);
  }
}
