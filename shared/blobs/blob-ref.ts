/** What a blob is called: the digest of its content. */
import { createHash } from "node:crypto";

/** Bytes; what is longer is cut and marked `truncated`. */
export const maxBlobBytes = 16 * 1024 * 1024;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** True for `sha256:` and 64 hex digits, and so safe as a part of a path. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
