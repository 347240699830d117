/** The project as a user has it after a fresh clone and `npm ci`, in a folder of its own. */
import { cp, mkdir, rm, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { commandPath, withBinaries } from "./command-path.ts";
import { tempFolder } from "./temp-folder.ts";

const root = resolve(import.meta.dirname, "../..");
const parts = ["agent", "bin", "docs", "hub", "packs", "scripts", "shared"];
const files = ["README.md", "package.json", "package-lock.json"];

/** Its own files are copies; what npm installed is shared. Its commands are those that tests start. */
export async function projectCopy(): Promise<string> {
  const folder = join(await tempFolder("project"), "petrel");
  await mkdir(folder);
  for (const name of [...parts, ...files])
    await cp(join(root, name), join(folder, name), { recursive: true });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  if (withBinaries)
    for (const name of ["petrel", "petrel-agent"] as const) {
      await rm(join(folder, "bin", name));
      await symlink(commandPath(name), join(folder, "bin", name));
    }
  return folder;
}
