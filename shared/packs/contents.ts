/** A pack's files as one blob: the same files give the same bytes, and so the same digest. */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { PetrelError } from "../errors.ts";
import { checksWith } from "../validation.ts";
import type { PackFile } from "./pack-file.ts";

/** Generous for metadata, code and a vendored library; the blob itself may have 16 MiB at most. */
export const packLimits = {
  files: 5_000,
  /** Bytes of all files together. */
  totalBytes: 32 * 1024 * 1024,
  /** Bytes of the packed blob. */
  packedBytes: 16 * 1024 * 1024,
  pathLength: 512,
} as const;

export interface PackedContents {
  /** `sha256:` and 64 hex digits, of `bytes`. */
  readonly digest: string;
  readonly bytes: Uint8Array;
}

interface Entry {
  readonly path: string;
  readonly executable: boolean;
  readonly content: string;
}

const checkContents = checksWith({})<{ readonly v: 1; readonly files: readonly Entry[] }>({
  type: "object",
  required: ["v", "files"],
  additionalProperties: false,
  properties: {
    v: { const: 1 },
    files: {
      type: "array",
      maxItems: packLimits.files,
      items: {
        type: "object",
        required: ["path", "executable", "content"],
        additionalProperties: false,
        properties: {
          path: { type: "string", minLength: 1, maxLength: packLimits.pathLength },
          executable: { type: "boolean" },
          content: { type: "string" },
        },
      },
    },
  },
});

/** True for a relative path with `/` that stays below its folder, in its one spelling. */
export function isSafePath(path: string): boolean {
  if (path.length === 0 || path.length > packLimits.pathLength) return false;
  if (/[\\\p{Cc}]/u.test(path) || !path.isWellFormed()) return false;
  return path.split("/").every((step) => step !== "" && step !== "." && step !== "..");
}

/** Reported once for all that is too much or not allowed. */
function checkFiles(files: readonly PackFile[]): void {
  if (files.length > packLimits.files) {
    throw new PetrelError("PACK_TOO_LARGE", `the pack has ${files.length} files`, {
      hint: `at most ${packLimits.files} are allowed; leave out what the pack does not need at run time`,
    });
  }
  const total = files.reduce((sum, { content }) => sum + content.length, 0);
  if (total > packLimits.totalBytes) {
    const largest = files.reduce((a, b) => (b.content.length > a.content.length ? b : a));
    throw new PetrelError("PACK_TOO_LARGE", `the pack has ${total} bytes`, {
      where: `${largest.path} is the largest file (${largest.content.length} bytes)`,
      hint: `at most ${packLimits.totalBytes} are allowed`,
    });
  }
  const paths = new Set(files.map(({ path }) => path));
  if (paths.size < files.length) {
    throw new PetrelError("PACK_INVALID", "two files of the pack have the same path");
  }
  for (const path of paths) {
    const parents = path.split("/").map((_, index, steps) => steps.slice(0, index).join("/"));
    if (isSafePath(path) && !parents.some((parent) => paths.has(parent))) continue;
    throw new PetrelError("PACK_INVALID", `the path ${JSON.stringify(path)} is not allowed in a pack`, {
      hint: "use relative paths below the pack's folder, without '..' and control characters",
    });
  }
}

/** The digest by which contents are named and checked. */
export function contentsDigest(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Packs `files`, in any order. Throws PACK_TOO_LARGE or PACK_INVALID. */
export function packContents(files: readonly PackFile[]): PackedContents {
  checkFiles(files);
  const entries: Entry[] = [...files]
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, mode, content }) => ({
      path,
      executable: (mode & 0o100) !== 0,
      content: Buffer.from(content).toString("base64"),
    }));
  const bytes = gzipSync(JSON.stringify({ v: 1, files: entries }), { level: 9 });
  // RFC 1952: bytes 4-7 are a time, byte 9 the operating system (255: unknown). Neither may tell apart equal packs.
  bytes.fill(0, 4, 8);
  bytes[9] = 255;
  if (bytes.length > packLimits.packedBytes) {
    throw new PetrelError("PACK_TOO_LARGE", `the packed pack has ${bytes.length} bytes`, {
      hint: `at most ${packLimits.packedBytes} are allowed`,
    });
  }
  return { digest: contentsDigest(bytes), bytes };
}

/**
 * The files in `bytes`, sorted by path; modes are 0755 or 0644. The bytes may come from anywhere: what is too
 * much or leads out of the folder is refused (PACK_TOO_LARGE, PACK_INVALID).
 */
export function unpackContents(bytes: Uint8Array): readonly PackFile[] {
  if (bytes.length > packLimits.packedBytes) {
    throw new PetrelError("PACK_TOO_LARGE", `the packed pack has ${bytes.length} bytes`);
  }
  let parsed: unknown;
  try {
    // Base64 takes four bytes for three; the rest is paths. A small blob cannot blow up memory beyond this.
    const maxOutputLength = Math.ceil((packLimits.totalBytes * 4) / 3) + packLimits.files * 1024;
    parsed = JSON.parse(gunzipSync(bytes, { maxOutputLength }).toString("utf8"));
  } catch (cause) {
    throw new PetrelError("PACK_INVALID", "these bytes are no packed pack", { cause });
  }
  if (!checkContents(parsed)) {
    throw new PetrelError("PACK_INVALID", "these bytes are no packed pack of this version");
  }
  const files = parsed.files.map(
    ({ path, executable, content }): PackFile => ({
      path,
      mode: executable ? 0o755 : 0o644,
      content: Buffer.from(content, "base64"),
    }),
  );
  checkFiles(files);
  return files;
}
