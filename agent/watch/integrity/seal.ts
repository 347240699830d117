/**
 * What shows that a row of the baseline was written by this sensor: a keyed hash over the row's name and content. Its
 * first 16 bytes stand behind the row, the whole of it goes into the sum over all rows. Pure.
 */
import { Buffer } from "node:buffer";
import { hash as digestOf } from "node:crypto";

export const keyBytes = 32;
export const macBytes = 16;

const headerBytes = 8;

export class Seal {
  /** Tells keys apart, and says nothing about the key. */
  readonly id: string;
  #scratch: Buffer;

  /** `key`: 32 random bytes. */
  constructor(key: Buffer) {
    this.#scratch = Buffer.alloc(1_024);
    key.copy(this.#scratch, 0, 0, keyBytes);
    this.id = this.hash("id", Buffer.alloc(0)).slice(0, macBytes);
  }

  /** For another thread of this process. */
  key(): Uint8Array {
    return Uint8Array.from(this.#scratch.subarray(0, keyBytes));
  }

  /**
   * SHA-256 over key, both lengths, `name` (a character for each byte) and `content`, as 64 hexadecimal digits. The
   * lengths come first, so that no input begins another one: a hash of key and message is a sound MAC then, at a tenth
   * of what HMAC costs by `node:crypto` for rows this short.
   */
  hash(name: string, content: Uint8Array): string {
    const start = keyBytes + headerBytes;
    const size = start + name.length + content.length;
    if (this.#scratch.length < size) this.#scratch = Buffer.concat([this.#scratch], size * 2);
    const bytes = this.#scratch;
    bytes.writeUInt32LE(name.length, keyBytes);
    bytes.writeUInt32LE(content.length, keyBytes + 4);
    bytes.write(name, start, "latin1");
    bytes.set(content, start + name.length);
    return digestOf("sha256", bytes.subarray(0, size), "hex");
  }
}

const modulus = 1n << 256n;

/** A hash of `Seal` as a number that sums are made of. */
export function termOf(hash: string): bigint {
  return BigInt(`0x${hash}`);
}

/** Sums are kept modulo 2^256: in any order, after any additions and removals, the same rows have the same sum. */
export function reduced(sum: bigint): bigint {
  const rest = sum % modulus;
  return rest < 0n ? rest + modulus : rest;
}
