/** What statx(2) fills in, and how it becomes the bytes that are compared: no object for what has not changed. Pure. */
import { Buffer } from "node:buffer";
import { layout } from "../packed-stat.ts";

/** statx(2): what stat(2) tells, and the birth. */
export const basicAndBirth = 0xfff;
/** Indexes of `kinds` in packed-stat.ts. */
export const [fileKind, folderKind, linkKind, otherKind] = [0, 1, 2, 3] as const;

const structBytes = 256;
const nsOfSecond = 1_000_000_000n;

/** Words of inode, size, time of the last change and time of writing. */
const ofContent = [8, 9, 10, 11, 24, 25, 26, 28, 29, 30] as const;

/** Memory for one struct statx at a time; offsets are those of the struct. */
export class Statx {
  /** What the call writes to. */
  readonly bytes: Buffer;
  readonly #longs: BigInt64Array;
  readonly #words: Uint32Array;
  readonly #shorts: Uint16Array;

  constructor() {
    const memory = new ArrayBuffer(structBytes);
    this.bytes = Buffer.from(memory);
    this.#longs = new BigInt64Array(memory);
    this.#words = new Uint32Array(memory);
    this.#shorts = new Uint16Array(memory);
  }

  /** One of the kinds above. */
  get kind(): number {
    const type = (this.#shorts[14] ?? 0) & 0o170000;
    if (type === 0o100000) return fileKind;
    if (type === 0o040000) return folderKind;
    return type === 0o120000 ? linkKind : otherKind;
  }

  /** In bytes, also of a folder. */
  get size(): bigint {
    return this.bytes.readBigUInt64LE(40);
  }

  /** Whether both are of one file, with the same size and the same times of writing and of the last change. */
  isStill(before: Statx): boolean {
    const [now, then] = [this.#words, before.#words];
    for (const at of ofContent) if (now[at] !== then[at]) return false;
    return true;
  }

  /** Writes the 56 bytes of `encodeStat`; `view`: of the same memory as `into`. */
  pack(into: Buffer, view: DataView, at: number): void {
    const { kind } = this;
    into[at] = layout;
    into[at + 1] = kind;
    into.writeUInt16LE((this.#shorts[14] ?? 0) & 0o7777, at + 2);
    into.writeUInt32LE(this.#words[4] ?? 0, at + 4);
    if (kind !== folderKind) this.bytes.copy(into, at + 8, 40, 48);
    else view.setBigInt64(at + 8, 0n);
    view.setBigInt64(at + 16, this.#time(112), true);
    view.setBigInt64(at + 24, this.#time(96), true);
    this.bytes.copy(into, at + 32, 20, 28);
    this.bytes.copy(into, at + 40, 32, 40);
    view.setBigInt64(at + 48, this.#time(80), true);
  }

  #time(at: number): bigint {
    const ns = (this.#longs[at / 8] ?? 0n) * nsOfSecond + BigInt(this.#words[at / 4 + 2] ?? 0);
    return BigInt.asIntN(64, ns);
  }
}
