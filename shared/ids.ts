/** Ids: ULIDs, and the ULID-shaped ids of executions that a replay finds again. */
import { hash } from "node:crypto";
import type { Clock, RandomBytes } from "./clock.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** True for 26 characters of Crockford base 32 whose time fits 48 bits. */
export function isUlid(text: string): boolean {
  return ID.test(text);
}

/** Many ids are of the same instant: the last one is kept. */
let lastMs = -1;
let lastTime = "";

/** The first ten characters of every ULID made in this millisecond. */
export function encodeTime(ms: number): string {
  if (ms === lastMs) return lastTime;
  let text = "";
  for (let rest = Math.floor(ms), i = 0; i < 10; i++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  lastMs = ms;
  lastTime = text;
  return text;
}

const letters = Uint8Array.from(ALPHABET, (letter) => letter.charCodeAt(0));
const letter = (bits: number): number => letters[bits & 31] ?? 0;

/** Five bytes, five bits a letter: in one text, since one that grows letter by letter leaves seven others behind. */
function encodeFive(a: number, b: number, c: number, d: number, e: number): string {
  const high = (a << 12) | (b << 4) | (c >> 4);
  const low = (c << 16) | (d << 8) | e;
  return String.fromCharCode(
    letter(high >> 15),
    letter(high >> 10),
    letter(high >> 5),
    letter(high),
    letter(low >> 15),
    letter(low >> 10),
    letter(low >> 5),
    letter(low),
  );
}

/** The first ten bytes. */
function encodeBytes(bytes: Uint8Array): string {
  const at = (i: number): number => bytes[i] ?? 0;
  return encodeFive(at(0), at(1), at(2), at(3), at(4)) + encodeFive(at(5), at(6), at(7), at(8), at(9));
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
  let timeText = "";
  const low = new Uint8Array(10);
  return () => {
    const now = clock.now();
    if (now > lastTime) {
      lastTime = now;
      timeText = encodeTime(now);
      low.set(random(10).subarray(0, 10));
      // The top bit stays clear so that increments cannot overflow within one millisecond.
      low[0] = (low[0] ?? 0) & 127;
    } else {
      increment(low);
    }
    return timeText + encodeBytes(low);
  };
}

/** Adds one to a number of bytes, the last of which counts least. */
function increment(bytes: Uint8Array): void {
  for (let i = bytes.length - 1; i >= 0; i--) {
    const next = (bytes[i] ?? 0) + 1;
    bytes[i] = next;
    if (next < 256) return;
  }
}

/**
 * The part of an execution's id that says what it is for. A hub restored from a backup takes a trigger in anew, later:
 * the execution it makes differs from the one it made before in the rest, the time.
 */
export function purposeOf(execution: string): string {
  return execution.slice(10);
}

/**
 * The id of the execution that `parts` (instance, rule ref, target agent, attempt) ask for.
 * Time is that of the hub's first intake, so ids sort by time and a replay computes the same id.
 */
export function derivedId(timeMs: number, ...parts: readonly (string | number)[]): string {
  // As a text of its bytes: a buffer takes three times as long to make.
  const digest = hash("sha256", JSON.stringify(parts), "binary");
  const at = (i: number): number => digest.charCodeAt(i);
  return (
    encodeTime(timeMs) +
    encodeFive(at(0), at(1), at(2), at(3), at(4)) +
    encodeFive(at(5), at(6), at(7), at(8), at(9))
  );
}
