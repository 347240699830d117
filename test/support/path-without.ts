/** A search path on which some programs are missing. */
import { readdir, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { tempFolder } from "./temp-folder.ts";

/** A folder with every program of this process's PATH whose name does not begin with one of `prefixes`. */
export async function pathWithout(...prefixes: readonly string[]): Promise<string> {
  const folder = await tempFolder("path");
  const seen = new Set<string>();
  for (const from of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of await readdir(from).catch(() => [])) {
      if (seen.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) continue;
      seen.add(name);
      await symlink(join(from, name), join(folder, name));
    }
  }
  return folder;
}
