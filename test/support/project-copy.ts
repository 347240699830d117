/** The project as a user has it after a fresh clone and `npm ci`, in a folder of its own. */
import { cp, mkdir, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { tempFolder } from "./temp-folder.ts";

const root = resolve(import.meta.dirname, "../..");
const parts = ["agent", "bin", "docs", "hub", "packs", "scripts", "shared"];
const files = ["README.md", "package.json", "package-lock.json"];

/** Its own files are copies; what npm installed is shared. */
export async function projectCopy(): Promise<string> {
  const folder = join(await tempFolder("project"), "petrel");
  await mkdir(folder);
  for (const name of [...parts, ...files])
    await cp(join(root, name), join(folder, name), { recursive: true });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}
