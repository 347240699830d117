/** Reads the packs that are always there from beside the program. */
import { fileURLToPath } from "node:url";
import { readPackFolder } from "../../shared/packs/read-pack-fs.ts";
import { type BuiltInFiles, builtIn } from "./built-in.ts";

export function readBuiltInPacks(): Promise<readonly BuiltInFiles[]> {
  return Promise.all(
    builtIn.map(async (pack) => ({
      pack,
      files: await readPackFolder(fileURLToPath(new URL(`../../packs/${pack.name}`, import.meta.url))),
    })),
  );
}
