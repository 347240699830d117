/** Files that come with the program: beside the sources in a checkout, inside of the file in a binary. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { assetBytes, binaryContents } from "./binary-fs.ts";
import { filesBelow, pathOf } from "./contents.ts";
import { unpackedFolder } from "./unpacked-fs.ts";

/** One file of a folder. */
export interface OwnFile {
  /** From that folder, with `/`. */
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer;
}

/** Its bytes, which are not to be written to. */
export function ownFile(url: URL): Buffer {
  return binaryContents() === null ? readFileSync(url) : assetBytes(pathOf(url));
}

/** All files below the folder, sorted by path. */
export function ownFiles(folder: URL): readonly OwnFile[] {
  const contents = binaryContents();
  if (contents !== null) {
    const from = pathOf(folder);
    return filesBelow(contents, from).map(([path, { mode }]) => ({
      path,
      mode,
      content: assetBytes(join(from, path)),
    }));
  }
  const root = fileURLToPath(folder);
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({
      path: relative(root, path),
      mode: statSync(path).mode & 0o777,
      content: readFileSync(path),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Where the folder lies on disk, for programs that are not ours. A binary unpacks it first (see `unpackBelow`); throws
 * FOLDER_UNUSABLE and RUNTIME_UNSAFE.
 */
export function ownFolder(folder: URL): string {
  const contents = binaryContents();
  return contents === null ? fileURLToPath(folder) : unpackedFolder(contents, pathOf(folder));
}
