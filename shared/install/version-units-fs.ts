/**
 * Units of each version, beside its program: `versions/V/units`. Whichever version comes into force has its own units put
 * where `install` has put some; the guard does the same in sh. A package's units are the package manager's.
 */
import { chmod, lstat, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { namesIn, syncFolder } from "../folder-fs.ts";
import { writeWhole } from "../whole-file-fs.ts";
import { isUnitName, type Units } from "./candidate.ts";
import type { Layout } from "./layout.ts";

const folderOf = (layout: Layout, version: string) => join(layout.versions, version, "units");
const hostFolder = (layout: Layout) => dirname(layout.unit);

/**
 * Resolves once they are on disk, and no others. Each takes the place of the one before it: whoever is killed on the way
 * leaves units, of before or of now.
 */
export async function keepUnits(layout: Layout, version: string, units: Units): Promise<void> {
  const folder = folderOf(layout, version);
  // An older version wrote a folder beside it, and may have been killed.
  await rm(`${folder}.new`, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await chmod(folder, 0o755);
  await syncFolder(dirname(folder));
  for (const [name, text] of Object.entries(units))
    await writeWhole(join(folder, name), text, 0o644, { isForAll: true });
  const gone = (await namesIn(folder)).filter((name) => !Object.hasOwn(units, name));
  for (const name of gone) await rm(join(folder, name), { recursive: true, force: true });
  if (gone.length > 0) await syncFolder(folder);
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
