/**
 * Units of each version, beside its program: `versions/V/units`. Whichever version comes into force has its own units put
 * where `install` has put some; the guard does the same in sh. A package's units are the package manager's.
 */
import { chmod, lstat, mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { namesIn, syncFolder } from "../folder-fs.ts";
import { writeWhole } from "../whole-file-fs.ts";
import { isUnitName, type Units } from "./candidate.ts";
import type { Layout } from "./layout.ts";

const folderOf = (layout: Layout, version: string) => join(layout.versions, version, "units");
const hostFolder = (layout: Layout) => dirname(layout.unit);

/** Resolves once they are on disk, all of them in the place of those that were kept before. */
export async function keepUnits(layout: Layout, version: string, units: Units): Promise<void> {
  const folder = folderOf(layout, version);
  const fresh = `${folder}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true, mode: 0o755 });
  await chmod(fresh, 0o755);
  for (const [name, text] of Object.entries(units))
    await writeWhole(join(fresh, name), text, 0o644, { isForAll: true });
  await rm(folder, { recursive: true, force: true });
  await rename(fresh, folder);
  await syncFolder(dirname(folder));
}

/** What the host has now of these is that of the version in force, with what somebody has changed in it since. */
export async function keepHostUnits(
  layout: Layout,
  version: string,
  names: readonly string[],
): Promise<void> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const text = await ownText(join(hostFolder(layout), name));
    if (text !== null) found[name] = text;
  }
  if (Object.keys(found).length > 0) await keepUnits(layout, version, found);
}

/** Puts those of this version where `install` has put some. `null`: there are none, or a package has put them there. */
export async function placeUnits(
  layout: Layout,
  version: string,
): Promise<{ readonly changed: boolean } | null> {
  if ((await ownText(layout.unit)) === null || (await isThere(layout.packaged))) return null;
  let changed = false;
  for (const name of (await namesIn(folderOf(layout, version))).filter(isUnitName)) {
    const text = await readFile(join(folderOf(layout, version), name), "utf8");
    const path = join(hostFolder(layout), name);
    const found = await ownText(path);
    if (found === text || (found === null && (await isThere(path)))) continue;
    await writeWhole(path, text, 0o644, { isForAll: true });
    changed = true;
  }
  return { changed };
}

/** Of a file; a link is somebody's own choice, of `systemctl mask` say, and stays. */
async function ownText(path: string): Promise<string | null> {
  const found = await lstat(path).catch(() => null);
  return found?.isFile() === true ? readFile(path, "utf8") : null;
}

const isThere = async (path: string) => (await lstat(path).catch(() => null)) !== null;
