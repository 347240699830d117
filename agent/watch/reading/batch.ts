/** What a reading thread is asked, and what it answers: bytes, because they pass between threads as they are. Pure. */
import { Buffer } from "node:buffer";
import { type BytePath, pathBuffer } from "../../../shared/watch/paths.ts";
import type { Extras, Stat } from "../look.ts";
import { encodeStat, statBytes } from "../packed-stat.ts";
import { digestBytes, PackedRecord } from "../record.ts";

/** What is wanted of a file. */
export interface FileWanted {
  readonly digest: boolean;
  readonly digestMaxBytes: number;
  readonly xattrs: boolean;
}

export interface FileToRead {
  readonly path: BytePath;
  readonly stat: Stat;
  readonly wanted: FileWanted;
}

export interface ReadRequest {
  readonly id: number;
  /** Each ends with a zero byte. */
  readonly paths: Uint8Array;
  /** 56 bytes of `encodeStat` for each. */
  readonly stats: Uint8Array;
  readonly wants: readonly FileWanted[];
  /** For each file the index of what is wanted of it. */
  readonly which: Uint16Array;
}

/** `changed`: it is not what lstat(2) said. `none`: no digest is wanted. */
export const outcomes = ["digest", "changed", "unreadable", "none", "too-large"] as const;
export type Outcome = (typeof outcomes)[number];
export type Xattrs = Readonly<Record<string, string>>;

export interface ReadAnswer {
  readonly id: number;
  /** For each file an index of `outcomes`. */
  readonly outcomes: Uint8Array;
  /** 32 bytes for each file; they count where there is a digest. */
  readonly digests: Uint8Array;
  /** Of those files that have any. */
  readonly xattrs: readonly (readonly [file: number, xattrs: Xattrs])[];
}

export function requestOf(id: number, files: readonly FileToRead[]): ReadRequest {
  const stats = Buffer.alloc(files.length * statBytes);
  const which = new Uint16Array(files.length);
  const wants: FileWanted[] = [];
  files.forEach(({ stat, wanted }, n) => {
    encodeStat(stat, stats, n * statBytes);
    const known = wants.indexOf(wanted);
    which[n] = known >= 0 ? known : wants.push(wanted) - 1;
  });
  const paths = pathBuffer(files.map(({ path }) => `${path}\0`).join(""));
  return { id, paths, stats, wants, which };
}

/** What was read of the n-th file; `null`: it has changed. */
export function extrasOf(
  { outcomes: codes, digests }: ReadAnswer,
  n: number,
  xattrs?: Xattrs,
): Extras | null {
  const rest = xattrs === undefined ? {} : { xattrs };
  const outcome = outcomes[codes[n] ?? 1];
  switch (outcome) {
    case "digest": {
      const bytes = Buffer.from(digests.buffer, digests.byteOffset + n * digestBytes, digestBytes);
      return { digest: bytes.toString("hex"), ...rest };
    }
    case "none":
      return { digest: null, ...rest };
    case "unreadable":
    case "too-large":
      return { digest: null, digestMissing: outcome, ...rest };
    default:
      return null;
  }
}

/** The first record of the n-th file, when there is nothing to say of it but its stat and its digest. */
export function packedRecordOf(
  { outcomes: codes, digests }: ReadAnswer,
  n: number,
  stat: Stat,
): PackedRecord | null {
  if (outcomes[codes[n] ?? 1] !== "digest") return null;
  return new PackedRecord(
    stat,
    Buffer.from(digests.buffer, digests.byteOffset, digests.length),
    n * digestBytes,
  );
}
