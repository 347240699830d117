/** Moves a damaged database out of the way, so that the agent starts with an empty one instead of not at all. */
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isPetrelError } from "../../shared/errors.ts";
import { syncFolder } from "../../shared/folder-fs.ts";

/** Damaged databases that are kept for whoever looks into it: a failing disk must not be filled by them. */
const kept = 3;
/** How their folders are called, before the time. */
export const asidePrefix = "store.damaged-";

/** True when LevelDB has found its own files damaged, at the opening or when something was read. */
export function isDamage(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (
      isPetrelError(each) ? each.code === "STORE_CORRUPT" : "code" in each && each.code === "LEVEL_CORRUPTION"
    )
      return true;
  }
  return false;
}

/** Resolves, once on disk, to where the database of this data folder now lies. */
export async function setAside(data: string, nowMs: number): Promise<string> {
  const aside = join(data, `${asidePrefix}${new Date(nowMs).toISOString().replaceAll(/[:.]/g, "-")}`);
  await rename(join(data, "store"), aside);
  await syncFolder(data);
  const others = (await readdir(data)).filter((name) => name.startsWith(asidePrefix)).sort();
  for (const name of others.slice(0, -kept)) await rm(join(data, name), { recursive: true, force: true });
  return aside;
}
