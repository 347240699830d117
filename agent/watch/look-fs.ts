/** Looks at one path: lstat(2), the target of a link, extended attributes, the digest of a file. */
import { createHash, hash } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { type BytePath, pathBuffer } from "../../shared/watch/paths.ts";
import { quickLook } from "./kernel/stat-calls-fs.ts";
import type { Extras, LookKind, Stat } from "./look.ts";

/** Reads names and values of extended attributes; `null` where the file system has none or the kernel says no. */
export type ReadXattrs = (path: BytePath) => Readonly<Record<string, string>> | null;

/** SHA-256 in hexadecimal, or why there is none. */
export type Digest = string | "changed" | "unreadable";

export interface Wanted {
  readonly digest: boolean;
  readonly digestMaxBytes: number;
  /** Of what a symbolic link points at. */
  readonly follow: boolean;
  readonly xattrs: boolean;
}

export type StatOutcome =
  | { readonly found: Stat }
  /** Nothing is there. */
  | { readonly found: null }
  /** It cannot be told, for instance EACCES, EIO, ESTALE. */
  | { readonly error: string };

/** Bytes that are read and hashed within one turn of the loop: kernel events are read between the turns. */
const sliceBytes = 256 * 1024;
/** Bytes after which a large file is asked whether it has changed: one that is written all the time is not read in vain. */
const checkBytes = 8 * 1024 * 1024;
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
/** open(2): reading leaves no trace, but only owner and root may ask for that. */
const noAtime = 0o1000000;

export function lookStat(
  path: BytePath,
  { follow = false }: { readonly follow?: boolean } = {},
): StatOutcome {
  const quick = follow ? null : quickLook();
  if (quick !== null) return quick(path);
  try {
    const at = pathBuffer(path);
    return { found: statOf(follow ? statSync(at, { bigint: true }) : lstatSync(at, { bigint: true })) };
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" || code === "ENOTDIR" ? { found: null } : { error: code };
  }
}

/**
 * Of a link that is followed the folder that it leads to; of one that leads to none the link itself, and so of everything
 * else.
 */
export function lookAlong(path: BytePath, isFollowed: boolean): StatOutcome {
  const own = lookStat(path);
  if (!isFollowed || "error" in own || own.found?.kind !== "symlink") return own;
  const there = lookStat(path, { follow: true });
  return "found" in there && there.found?.kind === "directory" ? there : own;
}

export function statOf(stats: BigIntStats): Stat {
  return {
    kind: kindOf(stats),
    mode: Number(stats.mode & 0o7777n),
    links: Number(stats.nlink),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: stats.size,
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    ino: stats.ino,
    birthNs: stats.birthtimeNs,
  };
}

/**
 * What lstat(2) does not tell. `null` when the path has changed while it was read: it must be looked at again, since
 * digest and `stat` would not belong together.
 */
export async function readExtras(
  path: BytePath,
  stat: Stat,
  wanted: Wanted,
  readXattrs: ReadXattrs,
  digestFor: (path: BytePath, stat: Stat) => Promise<Digest> = digestOf,
): Promise<Extras | null> {
  const xattrs = wanted.xattrs ? readXattrs(path) : null;
  const rest = xattrs === null || Object.keys(xattrs).length === 0 ? {} : { xattrs };
  if (stat.kind === "symlink") return linkExtras(path, wanted, rest);
  if (stat.kind !== "file" || !wanted.digest) return { digest: null, ...rest };
  if (stat.size > BigInt(wanted.digestMaxBytes)) return { digest: null, digestMissing: "too-large", ...rest };
  const digest = await digestFor(path, stat);
  if (digest === "changed") return null;
  return digest === "unreadable"
    ? { digest: null, digestMissing: "unreadable", ...rest }
    : { digest, ...rest };
}

async function linkExtras(
  path: BytePath,
  wanted: Wanted,
  rest: Pick<Extras, "xattrs">,
): Promise<Extras | null> {
  try {
    const target = readlinkSync(pathBuffer(path), "latin1");
    if (!wanted.follow || !wanted.digest) return { digest: null, target, ...rest };
    const digest = await digestBehind(path, wanted.digestMaxBytes);
    return { digest, target, ...rest };
  } catch (error) {
    // Replaced meanwhile.
    return codeOf(error) === "EACCES" ? { digest: null, digestMissing: "unreadable", ...rest } : null;
  }
}

/** Of the file a link leads to; `null` where it leads to none, or round in a circle. */
async function digestBehind(path: BytePath, maxBytes: number): Promise<string | null> {
  const outcome = lookStat(path, { follow: true });
  if ("error" in outcome || outcome.found?.kind !== "file" || outcome.found.size > BigInt(maxBytes))
    return null;
  const real = realpathSync.native(pathBuffer(path), "latin1");
  const digest = await digestOf(real, outcome.found);
  return digest === "changed" || digest === "unreadable" ? null : digest;
}

/**
 * SHA-256 of a file that is `stat` before and after. Never follows a link, never waits for a FIFO's writer. `changed`,
 * too, once `isStopped` says so. `pause` is waited for after each part of a large file, with the bytes of it.
 */
export async function digestOf(
  path: BytePath,
  stat: Stat,
  isStopped: () => boolean = () => false,
  pause: (bytes: number) => Promise<void> = async () => {},
): Promise<Digest> {
  let descriptor: number;
  try {
    descriptor = openQuietly(path);
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" || code === "ELOOP" || code === "ENOTDIR" ? "changed" : "unreadable";
  }
  if (stat.size > BigInt(sliceBytes)) {
    closeSync(descriptor);
    return digestInTurns(path, stat, isStopped, pause);
  }
  try {
    if (!isSameFile(fstatSync(descriptor, { bigint: true }), stat)) return "changed";
    const bytes = Buffer.allocUnsafe(Number(stat.size));
    const length = readSync(descriptor, bytes, 0, bytes.length, 0);
    if (length !== bytes.length || !isSameFile(fstatSync(descriptor, { bigint: true }), stat))
      return "changed";
    return hash("sha256", bytes, "hex");
  } catch {
    // EIO and the like: there is a file, and no way to its content.
    return "unreadable";
  } finally {
    closeSync(descriptor);
  }
}

async function digestInTurns(
  path: BytePath,
  stat: Stat,
  isStopped: () => boolean,
  pause: (bytes: number) => Promise<void>,
): Promise<Digest> {
  try {
    const file = await open(pathBuffer(path), openFlags).catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return null;
      throw error;
    });
    if (file === null) return "changed";
    try {
      if (!isSameFile(await file.stat({ bigint: true }), stat)) return "changed";
      const sha = createHash("sha256");
      const bytes = Buffer.allocUnsafe(sliceBytes);
      for (let read = 0, checkAt = checkBytes; ; ) {
        const { bytesRead } = await file.read(bytes, 0, bytes.length);
        if (bytesRead === 0) break;
        if (isStopped()) return "changed";
        sha.update(bytes.subarray(0, bytesRead));
        read += bytesRead;
        if (read < checkAt) continue;
        checkAt = read + checkBytes;
        await pause(checkBytes);
        if (!isSameFile(await file.stat({ bigint: true }), stat)) return "changed";
      }
      return isSameFile(await file.stat({ bigint: true }), stat) ? sha.digest("hex") : "changed";
    } finally {
      await file.close();
    }
  } catch {
    // As above.
    return "unreadable";
  }
}

/** For reading: leaves the time of access alone where it may, follows no link, waits for nobody. Throws as open(2). */
export function openQuietly(path: BytePath): number {
  const at = pathBuffer(path);
  try {
    return openSync(at, openFlags | noAtime);
  } catch (error) {
    if (codeOf(error) !== "EPERM") throw error;
    return openSync(at, openFlags);
  }
}

/** As far as its content is concerned. */
export function isSameFile(
  now: Pick<BigIntStats, "ino" | "size" | "mtimeNs" | "ctimeNs">,
  stat: Pick<Stat, "ino" | "size" | "mtimeNs" | "ctimeNs">,
): boolean {
  return (
    now.ino === stat.ino &&
    now.size === stat.size &&
    now.mtimeNs === stat.mtimeNs &&
    now.ctimeNs === stat.ctimeNs
  );
}

function kindOf(stats: BigIntStats): LookKind {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  return stats.isSymbolicLink() ? "symlink" : "other";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
}
