/** Reads the packs that are always there from beside the program. */
import { fileURLToPath } from "node:url";
import type { PackFile } from "../../shared/packs/pack-file.ts";
import { readPackFolder } from "../../shared/packs/read-pack-fs.ts";
import { type BuiltInPack, builtIn } from "./built-in.ts";

export function readBuiltInPacks(): Promise<
  readonly { readonly pack: BuiltInPack; readonly files: readonly PackFile[] }[]
> {
  return Promise.all(
    builtIn.map(async (pack) => ({
      pack,
      files: await readPackFolder(fileURLToPath(new URL(`../../packs/${pack.name}`, import.meta.url))),
    })),
  );
}
