/** The packs that are always there, read from beside the program. */
import { fileURLToPath } from "node:url";
import type { PackFile } from "../../shared/packs/pack-file.ts";
import { readPackFolder } from "../../shared/packs/read-pack-fs.ts";

const builtIn = ["core"];

export function readBuiltInPacks(): Promise<readonly (readonly PackFile[])[]> {
  return Promise.all(
    builtIn.map((name) => readPackFolder(fileURLToPath(new URL(`../../packs/${name}`, import.meta.url)))),
  );
}
