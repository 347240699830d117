/**
 * A look as the baseline keeps it: 56 bytes that decide by one comparison whether lstat(2) still says the same (see
 * `packed-stat.ts`), the digest, and what else there is as JSON. Numbers are little-endian.
 *
 *      0  56 bytes of `encodeStat`                60  u8  flags: digest 1, JSON 2, racy 4
 *     56  u32 version of this record              61  32 bytes of SHA-256, then JSON
 *
 * In the baseline a record is sealed (flag 8): 16 bytes behind it show that this sensor wrote it, see
 * `integrity/seal.ts`. A void one (flag 16) says only that there was one that cannot be believed.
 */
import { Buffer } from "node:buffer";
import type { BytePath } from "../../shared/watch/paths.ts";
import type { Extras, Look, Stat } from "./look.ts";
import { decodeStat, encodeStat, layout, PackedStat, statBytes } from "./packed-stat.ts";

const versionAt = 56;
const flagsAt = 60;
const digestAt = 61;
export const digestBytes = 32;
const hasDigest = 1;
const hasMore = 2;
const racy = 4;
const sealed = 8;
const isVoidFlag = 16;

/** What the baseline holds of one path. `version` grows by one with each change that was reported. */
export interface BaselineRecord extends Look {
  readonly version: number;
  /** Set: that lstat(2) says the same proves nothing, see `isRacy` in look.ts. */
  readonly isRacy?: true;
}

/** What a look has found, before it has a version. */
export type FreshLook = Omit<BaselineRecord, "version">;

/** A path's new record; `null` removes it. */
export interface BaselineChange {
  readonly path: BytePath;
  readonly record: BaselineRecord | null;
}

/** The first record of a file of which there is nothing to say but stat and digest: it stays bytes, see `PackedStat`. */
export class PackedRecord implements BaselineRecord {
  readonly stat: Stat;
  readonly version = 1;
  readonly #digest: Buffer;
  readonly #at: number;

  /** `digest`: 32 bytes of SHA-256, from `at` on. */
  constructor(stat: Stat, digest: Buffer, at: number) {
    this.stat = stat;
    this.#digest = digest;
    this.#at = at;
  }

  get extras(): Extras {
    return { digest: this.#digest.toString("hex", this.#at, this.#at + digestBytes) };
  }

  encoded(): Buffer {
    const bytes = Buffer.allocUnsafe(digestAt + digestBytes);
    encodeStat(this.stat, bytes);
    bytes.writeUInt32LE(this.version, versionAt);
    bytes[flagsAt] = hasDigest;
    this.#digest.copy(bytes, digestAt, this.#at, this.#at + digestBytes);
    return bytes;
  }
}

export function encodeRecord(record: BaselineRecord): Buffer {
  if (record instanceof PackedRecord) return record.encoded();
  const { stat, extras, version, isRacy } = record;
  const { digest, ...more } = extras;
  const text = Object.keys(more).length === 0 ? "" : JSON.stringify(more);
  const digestSize = digest === null ? 0 : digestBytes;
  const textSize = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(digestAt + digestSize + textSize);
  encodeStat(stat, bytes);
  bytes.writeUInt32LE(version, versionAt);
  bytes[flagsAt] =
    (digest === null ? 0 : hasDigest) | (text === "" ? 0 : hasMore) | (isRacy === true ? racy : 0);
  if (digest !== null) bytes.write(digest, digestAt, digestBytes, "hex");
  bytes.write(text, digestAt + digestSize, "utf8");
  return bytes;
}

/** In the place of a record that others wrote: what is at the path is to be taken as it is. */
export function voidRecord(): Buffer {
  const bytes = Buffer.alloc(digestAt);
  bytes[0] = layout;
  bytes[flagsAt] = isVoidFlag;
  return bytes;
}

export function isVoidRecord(bytes: Buffer): boolean {
  return bytes.length >= digestAt && ((bytes[flagsAt] ?? 0) & isVoidFlag) !== 0;
}

/**
 * `null` for a void record and for bytes that no version of this software wrote: the path is then looked at as if it
 * were new.
 */
export function decodeRecord(bytes: Buffer): BaselineRecord | null {
  if (bytes.length < digestAt || bytes[0] !== layout) return null;
  const stat = decodeStat(bytes);
  if (stat === null) return null;
  const flags = bytes[flagsAt] ?? 0;
  if ((flags & isVoidFlag) !== 0) return null;
  const isDigested = (flags & hasDigest) !== 0;
  const moreAt = isDigested ? digestAt + 32 : digestAt;
  if (bytes.length < moreAt) return null;
  const more = (flags & hasMore) === 0 ? {} : moreOf(bytes.toString("utf8", moreAt));
  if (more === null) return null;
  return {
    stat,
    extras: { digest: isDigested ? bytes.toString("hex", digestAt, digestAt + 32) : null, ...more },
    version: bytes.readUInt32LE(versionAt),
    ...((flags & racy) !== 0 && { isRacy: true }),
  };
}

/** The bytes without the seal behind them; `null` when there is none. */
export function unsealed(row: Buffer, sealBytes: number): Buffer | null {
  const isSealed = row.length >= digestAt + sealBytes && ((row[flagsAt] ?? 0) & sealed) !== 0;
  return isSealed ? row.subarray(0, row.length - sealBytes) : null;
}

/** Says in the record that a seal stands behind it. */
export function markSealed(record: Buffer): void {
  record[flagsAt] = (record[flagsAt] ?? 0) | sealed;
}

function moreOf(text: string): Omit<Extras, "digest"> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Omit<Extras, "digest">) : null;
  } catch {
    // Damaged: as good as unknown.
    return null;
  }
}

/** Whether the record proves by its stat part that nothing has changed. */
export function isSameStat(record: Buffer, fresh: Stat): boolean {
  if (record.length < digestAt || ((record[flagsAt] ?? 0) & (racy | isVoidFlag)) !== 0) return false;
  if (fresh instanceof PackedStat) return fresh.beginsOf(record);
  return record.compare(encodeStat(fresh, scratchA), 0, statBytes, 0, statBytes) === 0;
}

const [scratchA, scratchB] = [Buffer.alloc(statBytes), Buffer.alloc(statBytes)];

/** The same comparison for a decoded record. */
export function isSameLook({ stat, isRacy }: BaselineRecord, after: Stat): boolean {
  return isRacy !== true && encodeStat(stat, scratchA).equals(encodeStat(after, scratchB));
}
