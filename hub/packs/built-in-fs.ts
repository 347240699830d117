/** Reads the packs that are always there from beside the program. */
import { ownPack } from "../../shared/packs/own-pack-fs.ts";
import { type BuiltInFiles, builtIn } from "./built-in.ts";

export function readBuiltInPacks(): Promise<readonly BuiltInFiles[]> {
  return Promise.all(
    builtIn.map(async (pack) => ({
      pack,
      files: await ownPack(new URL(`../../packs/${pack.name}`, import.meta.url)),
    })),
  );
}
