/** From two contents of a file to `payload.diff`. Pure. */
import { type Buffer, isUtf8 } from "node:buffer";
import type { JsonObject } from "../../../shared/json.ts";
import { type BytePath, shownPath } from "../../../shared/watch/paths.ts";
import { LineMask } from "./mask.ts";
import { unifiedDiff } from "./unified.ts";

/** Why there is no difference: told as `diff_missing`. */
export type DiffMissing =
  | "binary"
  | "too-large"
  | "no-earlier-version"
  | "no-digest"
  | "unreadable"
  | "changing";

/** One content and where it was; `null`: nothing was there. */
export type Version = { readonly path: BytePath; readonly content: Buffer } | null;

/** Bytes of the text of a difference. */
const maxBytes = 64 * 1024;

/** Whether it can be laid beside others line by line. */
export function isText(content: Buffer): boolean {
  return isUtf8(content) && !content.includes(0);
}

/** `diff` of the payload; `isMasked`: whether secrets are hidden. */
export function diffOf(before: Version, after: Version, isMasked: boolean): JsonObject {
  const [old, fresh] = [linesOf(before), linesOf(after)];
  let hasMasked = false;
  const maskOf = (version: Version, lines: readonly string[]) => new LineMask(version?.path ?? "/", lines);
  const masks = isMasked ? { before: maskOf(before, old), after: maskOf(after, fresh) } : null;
  const plain = { before: old, after: fresh };
  const { text, isTruncated } = unifiedDiff({
    before: old,
    after: fresh,
    names: [nameOf(before), nameOf(after)],
    shown: (side, at) => {
      if (masks === null) return (plain[side][at] ?? "").replace(/\n$/, "");
      const line = masks[side].shown(at);
      hasMasked ||= line.isMasked;
      return line.text;
    },
    maxBytes,
  });
  return { text, truncated: isTruncated, masked: hasMasked };
}

/** Each with its line break, so that a last line without one differs from one with it. */
function linesOf(version: Version): readonly string[] {
  return version?.content.toString("utf8").match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function nameOf(version: Version): string {
  if (version === null) return "/dev/null";
  const hex = (character: string) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  // A name with a line break must not look like a line of the file.
  return [...shownPath(version.path).path].map((c) => (c < " " || c === "\x7f" ? hex(c) : c)).join("");
}
