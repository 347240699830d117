/** The format of a database that nobody has open, by a look that changes nothing of it. */
import { constants } from "node:fs";
import { mkdir, open, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ClassicLevel } from "classic-level";
import { PetrelError } from "../errors.ts";
import { openingError } from "./database-store.ts";
import { formatKey } from "./migrate-store.ts";

/**
 * To open a LevelDB is to write into its folder, as whoever opens it. So it is opened elsewhere: in `scratch`, which is made and
 * removed, with a copy of what LevelDB would change, and links to its tables, which it never does. `null` without a database.
 * STORE_CORRUPT; FILE_UNREADABLE for what is no plain file, and the system's error.
 */
export async function storedFormat(folder: string, scratch: string): Promise<number | null> {
  const names = await namesIn(folder);
  if (!names.includes("CURRENT")) return null;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { mode: 0o700 });
  try {
    for (const name of names) {
      if (/\.(?:ldb|sst)$/.test(name)) await symlink(resolve(folder, name), join(scratch, name));
      else if (/^(?:CURRENT|MANIFEST-\d+|\d+\.log)$/.test(name))
        await writeFile(join(scratch, name), await bytesOf(join(folder, name)), { mode: 0o600 });
    }
    const level = new ClassicLevel<string, string>(scratch, { createIfMissing: false });
    await level.open().catch((cause) => {
      throw openingError(folder, cause);
    });
    try {
      const text = await level.get(formatKey);
      return text === undefined ? null : Number(text);
    } finally {
      await level.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}

/** Another user's folder may hold anything: no link is followed, and no pipe waited for. */
async function bytesOf(path: string): Promise<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile())
      throw new PetrelError("FILE_UNREADABLE", "it is no plain file", { where: path });
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
