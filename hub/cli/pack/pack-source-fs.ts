/** Reads a pack from wherever it lies: a folder, an archive, a git repository. */
import { open, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { PetrelError } from "../../../shared/errors.ts";
import type { PackFile } from "../../../shared/packs/pack-file.ts";
import { readPackFolder } from "../../../shared/packs/read-pack-fs.ts";
import { maxArchiveBytes, readTarball } from "../../../shared/packs/tarball.ts";
import { withCheckout } from "./git-clone-process.ts";
import { packSource } from "./pack-source.ts";

export interface ReadPack {
  /** Where it came from, for people: no secrets. */
  readonly source: string;
  /** Of a git repository. */
  readonly commit: string | null;
  /** What names the pack when its manifest does not, and stands before paths in errors. */
  readonly folder: string;
  readonly files: readonly PackFile[];
}

/**
 * The files of the pack that `word` names. Throws FILE_UNREADABLE, PACK_INVALID, PACK_TOO_LARGE, PACK_SOURCE,
 * GIT_MISSING or CLI_USAGE.
 */
export async function readPackSource(
  word: string,
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<ReadPack> {
  const source = packSource(word);
  if (source.kind === "git") {
    return withCheckout(source, env, async ({ folder, commit }) => ({
      source: source.shownAs,
      commit,
      folder: source.name,
      files: await readPackFolder(folder),
    }));
  }
  const path = resolve(cwd, source.path);
  const status = await stat(path).catch(() => null);
  if (status === null && /^[a-z0-9_]+$/.test(word)) {
    throw new PetrelError("FILE_UNREADABLE", `there is no folder ${word} here`, {
      where: path,
      hint: `a pack of StackStorm's Exchange is at https://github.com/StackStorm-Exchange/stackstorm-${word}`,
    });
  }
  if (status === null || status.isDirectory()) {
    return { source: word, commit: null, folder: basename(path), files: await readPackFolder(path) };
  }
  const { folder, files } = readTarball(await readArchive(path, word), word);
  const name = basename(path).replace(/\.(?:tgz|tar(?:\.gz)?)$/, "");
  return { source: word, commit: null, folder: folder ?? name, files };
}

async function readArchive(path: string, shownAs: string): Promise<Uint8Array> {
  try {
    const handle = await open(path, "r");
    try {
      const { size } = await handle.stat();
      if (size <= maxArchiveBytes) return await handle.readFile();
      throw new PetrelError("PACK_TOO_LARGE", `${shownAs} has ${size} bytes`, {
        where: path,
        hint: `at most ${maxArchiveBytes} are read; is it a pack's archive?`,
      });
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (cause instanceof PetrelError) throw cause;
    throw new PetrelError("FILE_UNREADABLE", `${shownAs} cannot be read`, {
      where: path,
      hint: "look at its owner and mode",
      cause,
    });
  }
}
