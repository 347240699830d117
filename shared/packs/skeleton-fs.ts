/** Makes a new pack from a skeleton: a small, complete pack that runs as it is. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { PetrelError } from "../errors.ts";
import { suggestion } from "../nearest.ts";
import { isPackName } from "../ref.ts";
import { type OwnFile, ownFiles } from "../runtime/own-files-fs.ts";

export const skeletonLanguages = ["ts", "python", "exec"] as const;
export type SkeletonLanguage = (typeof skeletonLanguages)[number];

/** The skeletons are packs of this name, so that they can be checked and run where they lie. */
const placeholder = "new_pack";
const skeletons = new URL("../../packs/skeletons/", import.meta.url);

export function isSkeletonLanguage(text: string): text is SkeletonLanguage {
  return skeletonLanguages.some((language) => language === text);
}

async function writeFiles(files: readonly OwnFile[], into: string): Promise<void> {
  for (const { path, mode, content } of files) {
    const target = join(into, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode });
  }
}

async function rewrite(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, "utf8");
    if (text.includes(placeholder)) await writeFile(path, text.replaceAll(placeholder, name));
    if (entry.name.includes(placeholder)) {
      await rename(path, join(entry.parentPath, entry.name.replaceAll(placeholder, name)));
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

/**
 * Makes the folder `parent/name` and returns its absolute path. It appears whole or not at all.
 * Throws PACK_REF, CLI_USAGE (language), ALREADY_EXISTS and FOLDER_UNUSABLE.
 */
export async function createSkeleton(options: {
  readonly name: string;
  readonly language: string;
  readonly parent: string;
}): Promise<string> {
  const { name, language } = options;
  if (!isPackName(name)) {
    throw new PetrelError("PACK_REF", `'${name}' is no pack name`, {
      hint: "use a-z, 0-9 and '_', as in my_pack",
    });
  }
  if (!isSkeletonLanguage(language)) {
    throw new PetrelError("CLI_USAGE", `there is no skeleton for the language '${language}'`, {
      hint: suggestion(language, skeletonLanguages),
    });
  }
  const folder = resolve(options.parent, name);
  const unfinished = resolve(options.parent, `.${name}.new-${process.pid}`);
  try {
    if (await exists(folder)) {
      throw new PetrelError("ALREADY_EXISTS", `${folder} exists already`, {
        where: folder,
        hint: "choose another name, or another --dir",
      });
    }
    await mkdir(options.parent, { recursive: true });
    await mkdir(unfinished);
    await writeFiles(ownFiles(new URL(language, skeletons)), unfinished);
    await rewrite(unfinished, name);
    await rename(unfinished, folder);
    return folder;
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true });
    if (cause instanceof PetrelError) throw cause;
    throw new PetrelError("FOLDER_UNUSABLE", `the pack cannot be written to ${folder}`, {
      where: folder,
      hint: "check that the folder above is there and writable",
      cause,
    });
  }
}
