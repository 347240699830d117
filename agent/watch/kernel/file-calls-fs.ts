/**
 * Reads files by system calls of our own: five for a small file, where `node:fs` takes seven and twice the time for each.
 * Through koffi as `libc-fs.ts`, for threads that do nothing else.
 */
import { createHash, hash } from "node:crypto";
import { constants } from "node:fs";
import { loadKoffi } from "../../../shared/runtime/addon-process.ts";
import type { FileWanted, Outcome, Xattrs } from "../reading/batch.ts";
import { basicAndBirth, fileKind, Statx } from "./statx.ts";
import { xattrsFrom } from "./xattrs-fs.ts";

export interface FileRead {
  readonly outcome: Outcome;
  /** `null` where there are none. */
  readonly xattrs: Xattrs | null;
}

/** Where in a batch's bytes one file's are. No pieces are cut off them: that would cost as much as a system call. */
export interface FileBytes {
  /** The path, and the zero byte behind it. */
  readonly path: Buffer;
  pathFrom: number;
  pathEnd: number;
  /** As `encodeStat` has it. */
  readonly stat: Buffer;
  statFrom: number;
  /** Set: nobody has asked lstat(2) yet. `stat` takes what the opened file is, and what is no file has `changed`. */
  readonly takes?: DataView;
  /** Takes the SHA-256. */
  readonly digest: Buffer;
  digestFrom: number;
}

/**
 * Reads one file that is `stat` before and after. Follows no link, waits for no FIFO's writer, and reads from nothing
 * that is no file.
 */
export type ReadFile = (file: FileBytes, wanted: FileWanted) => FileRead;

const openFlags =
  constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY | 0o2000000;
/** open(2): reading leaves no trace, but only owner and root may ask for that. */
const noAtime = 0o1000000;
/** statx(2): of the descriptor itself; what stat(2) tells. */
const ofDescriptor = 0x1000;
const basicStats = 0x7ff;
/** PATH_MAX; the byte behind it stays zero. */
const maxPathBytes = 4_096;
/** Read at once, and kept for it. */
const chunkBytes = 1024 * 1024;
/** Bytes after which a large file is asked whether it has changed: one that is written all the time is not read in vain. */
const checkBytes = 8 * 1024 * 1024;
/** The kernel takes as much memory as it is offered: few files need more than the first. */
const listSizes = [512, 65_536] as const;

type Call = (...values: readonly unknown[]) => number;

/** Throws when koffi, or a symbol, is not to be had here. */
export function fileReader(): ReadFile {
  const koffi = loadKoffi();
  const library = koffi.load(null);
  const define = (prototype: string): Call => library.func(prototype) as unknown as Call;
  const open = define("int open(const uint8_t *path, int flags)");
  const pread = define("int64_t pread(int fd, uint8_t *buffer, uint64_t size, int64_t at)");
  const statx = define("int statx(int fd, const uint8_t *path, int flags, unsigned int mask, uint8_t *into)");
  const listXattr = define("int64_t flistxattr(int fd, uint8_t *list, uint64_t size)");
  const getXattr = define("int64_t fgetxattr(int fd, const uint8_t *name, uint8_t *value, uint64_t size)");
  const close = define("int close(int fd)");
  const { ENOENT, ELOOP, ENOTDIR, EPERM, ERANGE } = koffi.os.errno;
  const scratch = Buffer.alloc(chunkBytes);
  const list = Buffer.alloc(listSizes[1]);
  const [found, still] = [new Statx(), new Statx()];
  const now = still.bytes;
  const nothing = Buffer.alloc(0);
  const name = Buffer.alloc(maxPathBytes + 1);
  const noPath = Buffer.from("\0");

  if (statx(-100, Buffer.from("/\0"), 0, basicStats, now) !== 0) throw new Error("this kernel has no statx");

  const filled = (call: (size: number) => number): Buffer | null => {
    for (const size of listSizes) {
      const length = call(size);
      // Most files have no attributes.
      if (length === 0) return nothing;
      if (length > 0) return Buffer.from(list.subarray(0, length));
      if (koffi.errno() !== ERANGE) return null;
    }
    return null;
  };
  const xattrsOf = (fd: number): Xattrs | null =>
    xattrsFrom(
      filled((size) => listXattr(fd, list, size)),
      (name) => filled((size) => getXattr(fd, name, list, size)),
    );
  const takeStat = (fd: number, { stat, statFrom }: FileBytes, view: DataView): boolean => {
    if (statx(fd, noPath, ofDescriptor, basicAndBirth, found.bytes) !== 0 || found.kind !== fileKind)
      return false;
    found.pack(stat, view, statFrom);
    return true;
  };
  const isStill = (fd: number, { stat, statFrom, takes }: FileBytes): boolean =>
    statx(fd, noPath, ofDescriptor, basicStats, now) === 0 &&
    (takes === undefined ? isSame(now, stat, statFrom) : still.isStill(found));
  const digest = (fd: number, size: number, file: FileBytes): Outcome => {
    if (size <= chunkBytes) {
      const length = pread(fd, scratch, size, 0);
      if (length < 0) return "unreadable";
      if (length !== size) return "changed";
      file.digest.write(hash("sha256", scratch.subarray(0, size), "binary"), file.digestFrom, "latin1");
      return "digest";
    }
    const sha = createHash("sha256");
    for (let at = 0, checkAt = checkBytes; at < size; ) {
      const length = pread(fd, scratch, Math.min(chunkBytes, size - at), at);
      if (length < 0) return "unreadable";
      if (length === 0) return "changed";
      sha.update(scratch.subarray(0, length));
      at += length;
      if (at < checkAt) continue;
      checkAt = at + checkBytes;
      if (!isStill(fd, file)) return "changed";
    }
    sha.digest().copy(file.digest, file.digestFrom);
    return "digest";
  };

  return (file, wanted) => {
    const { path, pathFrom, pathEnd, stat, statFrom } = file;
    // What is longer than the kernel takes is so still when it is cut.
    path.copy(name, 0, pathFrom, Math.min(pathEnd, pathFrom + maxPathBytes));
    let fd = open(name, openFlags | noAtime);
    if (fd < 0 && koffi.errno() === EPERM) fd = open(name, openFlags);
    if (fd < 0) {
      const errno = koffi.errno();
      const isGone = errno === ENOENT || errno === ELOOP || errno === ENOTDIR;
      return { outcome: isGone ? "changed" : "unreadable", xattrs: null };
    }
    try {
      if (file.takes !== undefined && !takeStat(fd, file, file.takes))
        return { outcome: "changed", xattrs: null };
      const size = Number(stat.readBigUInt64LE(statFrom + 8));
      const isTooLarge = size > wanted.digestMaxBytes;
      const read = wanted.digest && !isTooLarge ? digest(fd, size, file) : null;
      const xattrs = wanted.xattrs ? xattrsOf(fd) : null;
      // Last: what was read belongs together, and to what lstat(2) said before it.
      if (!isStill(fd, file)) return { outcome: "changed", xattrs: null };
      return { outcome: read ?? (wanted.digest ? "too-large" : "none"), xattrs };
    } finally {
      close(fd);
    }
  };
}

/** Inode, size, time of writing and of the last change: of a struct statx and of `encodeStat`. */
function isSame(now: Buffer, stat: Buffer, at: number): boolean {
  return (
    isSameLong(now, 32, stat, at + 40) &&
    isSameLong(now, 40, stat, at + 8) &&
    timeAt(now, 96) === stat.readBigInt64LE(at + 24) &&
    timeAt(now, 112) === stat.readBigInt64LE(at + 16)
  );
}

function isSameLong(a: Buffer, atA: number, b: Buffer, atB: number): boolean {
  return a.readUInt32LE(atA) === b.readUInt32LE(atB) && a.readUInt32LE(atA + 4) === b.readUInt32LE(atB + 4);
}

function timeAt(now: Buffer, at: number): bigint {
  return now.readBigInt64LE(at) * 1_000_000_000n + BigInt(now.readUInt32LE(at + 8));
}
