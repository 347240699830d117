/**
 * What lstat(2) says as the baseline keeps it: 56 bytes, of which equal ones mean that nothing has changed. Pure.
 * Numbers are little-endian.
 *
 *      0  u8   layout (1)      4  u32  links           24  i64 ctime (ns)          48  i64 birth (ns)
 *      1  u8   kind            8  u64  size            32  u32 uid, u32 gid
 *      2  u16  mode           16  i64  mtime (ns)      40  u64 inode
 */
import { Buffer } from "node:buffer";
import type { LookKind, Stat } from "./look.ts";

export const layout = 1;
export const statBytes = 56;
export const kinds: readonly LookKind[] = ["file", "directory", "symlink", "other"];

/** A `Stat` that stays the bytes it is made of: of a hundred thousand paths most are never asked for more. */
export class PackedStat implements Stat {
  readonly #bytes: Buffer;
  readonly #at: number;

  /** The bytes belong to it from now on. Not for folders, whose size is not among them. */
  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get kind(): LookKind {
    return kinds[this.#bytes[this.#at + 1] ?? 3] ?? "other";
  }

  get mode(): number {
    return this.#bytes.readUInt16LE(this.#at + 2);
  }

  get links(): number {
    return this.#bytes.readUInt32LE(this.#at + 4);
  }

  get uid(): number {
    return this.#bytes.readUInt32LE(this.#at + 32);
  }

  get gid(): number {
    return this.#bytes.readUInt32LE(this.#at + 36);
  }

  get size(): bigint {
    return this.#bytes.readBigUInt64LE(this.#at + 8);
  }

  get mtimeNs(): bigint {
    return this.#bytes.readBigInt64LE(this.#at + 16);
  }

  get ctimeNs(): bigint {
    return this.#bytes.readBigInt64LE(this.#at + 24);
  }

  get ino(): bigint {
    return this.#bytes.readBigUInt64LE(this.#at + 40);
  }

  get birthNs(): bigint {
    return this.#bytes.readBigInt64LE(this.#at + 48);
  }

  copyTo(into: Buffer, at: number): void {
    this.#bytes.copy(into, at, this.#at, this.#at + statBytes);
  }

  /** Whether `record` begins with the same bytes. */
  beginsOf(record: Buffer): boolean {
    return record.compare(this.#bytes, this.#at, this.#at + statBytes, 0, statBytes) === 0;
  }
}

/** The part that lstat(2) alone decides; equal bytes mean that nothing it tells has changed. */
export function encodeStat(stat: Stat, into: Buffer = Buffer.alloc(statBytes), at = 0): Buffer {
  if (stat instanceof PackedStat) {
    stat.copyTo(into, at);
    return into;
  }
  into[at] = layout;
  into[at + 1] = kinds.indexOf(stat.kind);
  into.writeUInt16LE(stat.mode & 0xffff, at + 2);
  into.writeUInt32LE(Math.min(stat.links, 0xffffffff), at + 4);
  // The size of a folder is the file system's own affair: its change means nothing.
  into.writeBigUInt64LE(stat.kind === "directory" ? 0n : BigInt.asUintN(64, stat.size), at + 8);
  into.writeBigUInt64LE(BigInt.asUintN(64, stat.mtimeNs), at + 16);
  into.writeBigUInt64LE(BigInt.asUintN(64, stat.ctimeNs), at + 24);
  into.writeUInt32LE(stat.uid, at + 32);
  into.writeUInt32LE(stat.gid, at + 36);
  into.writeBigUInt64LE(BigInt.asUintN(64, stat.ino), at + 40);
  into.writeBigUInt64LE(BigInt.asUintN(64, stat.birthNs), at + 48);
  return into;
}

/** Of the bytes of `encodeStat`; `null` when there is no such kind. */
export function decodeStat(bytes: Buffer): Stat | null {
  const kind = kinds[bytes[1] ?? 255];
  if (kind === undefined) return null;
  return {
    kind,
    mode: bytes.readUInt16LE(2),
    links: bytes.readUInt32LE(4),
    uid: bytes.readUInt32LE(32),
    gid: bytes.readUInt32LE(36),
    size: bytes.readBigUInt64LE(8),
    mtimeNs: bytes.readBigInt64LE(16),
    ctimeNs: bytes.readBigInt64LE(24),
    ino: bytes.readBigUInt64LE(40),
    birthNs: bytes.readBigInt64LE(48),
  };
}
