/** Ids: ULIDs, and the ULID-shaped ids of executions that a replay finds again. */
import { createHash } from "node:crypto";
import type { Clock, RandomBytes } from "./clock.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** True for 26 characters of Crockford base 32 whose time fits 48 bits. */
export function isUlid(text: string): boolean {
  return ID.test(text);
}

/** The first ten characters of every ULID made in this millisecond. */
export function encodeTime(ms: number): string {
  let text = "";
  for (let rest = Math.floor(ms), i = 0; i < 10; i++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function encodeBytes(bytes: Uint8Array): string {
  let bits = 0n;
  for (let i = 0; i < 10; i++) bits = (bits << 8n) | BigInt(bytes[i] ?? 0);
  let text = "";
  for (let i = 0; i < 16; i++) {
    text = ALPHABET.charAt(Number(bits & 31n)) + text;
    bits >>= 5n;
  }
  return text;
}

/** Milliseconds since the epoch in the first ten characters of a ULID. */
export function ulidTime(id: string): number {
  let ms = 0;
  for (const letter of id.slice(0, 10)) ms = ms * 32 + ALPHABET.indexOf(letter);
  return ms;
}

/** Makes ULIDs that sort in the order they were made, within one process, even when the clock steps back. */
export function ulidSource(clock: Pick<Clock, "now">, random: RandomBytes): () => string {
  let lastTime = -1;
  let low = 0n;
  return () => {
    const now = clock.now();
    if (now > lastTime) {
      lastTime = now;
      low = 0n;
      // The top bit stays clear so that increments cannot overflow within one millisecond.
      for (const byte of random(10)) low = (low << 8n) | BigInt(byte);
      low &= (1n << 79n) - 1n;
    } else {
      low += 1n;
    }
    const bytes = new Uint8Array(10);
    for (let i = 9, rest = low; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 255n);
    return encodeTime(lastTime) + encodeBytes(bytes);
  };
}

/**
 * The id of the execution that `parts` (instance, rule ref, target agent, attempt) ask for.
 * Time is that of the hub's first intake, so ids sort by time and a replay computes the same id.
 */
export function derivedId(timeMs: number, ...parts: readonly (string | number)[]): string {
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest();
  return encodeTime(timeMs) + encodeBytes(hash);
}
