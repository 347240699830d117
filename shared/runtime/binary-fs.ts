/** The binary that this process runs from, if it does: its table of contents, and the bytes of what is in it. */
import { getAsset, getRawAsset, isSea } from "node:sea";
import { type BinaryContents, contentsAsset } from "./contents.ts";

let contents: BinaryContents | null | undefined;

/** `null` in a checkout. */
export function binaryContents(): BinaryContents | null {
  contents ??= isSea() ? (JSON.parse(getAsset(contentsAsset, "utf8")) as BinaryContents) : null;
  return contents;
}

/** Not a copy: the bytes lie in the program's own pages, and must not be written to. Throws when there are none. */
export function assetBytes(path: string): Buffer {
  return Buffer.from(getRawAsset(path));
}
