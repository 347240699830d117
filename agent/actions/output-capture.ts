/** Keeps what a process writes up to a cap, and passes it on in whole characters as it comes. */
import { Buffer } from "node:buffer";
import type { CapturedText } from "./outcome.ts";

/** Bytes of each stream that a result keeps. */
export const defaultOutputCapBytes = 1024 * 1024;

/** `offset` counts the bytes before this piece. */
export type OnOutput = (stream: "stdout" | "stderr", offset: number, text: string) => void;

/** What was captured of a stream when it was handed over. */
export interface CapturedSoFar {
  /** In base64. */
  readonly kept: string;
  readonly seen_bytes: number;
}

/** Byte order marks are part of what was written. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** One stream of one run. Memory is bounded by the cap, however much is written. */
export class OutputCapture {
  readonly #capBytes: number;
  readonly #onText: (offset: number, text: string) => void;
  /** Grows as it fills: a program that writes byte by byte costs no more than one that does not. */
  #kept = Buffer.alloc(0);
  #keptBytes = 0;
  #seenBytes = 0;
  /** The beginning of a character whose rest has not come yet. */
  #held: Uint8Array = new Uint8Array(0);

  /** `before`: what another capture of the same stream had kept. */
  constructor(
    capBytes: number,
    onText: (offset: number, text: string) => void,
    before: CapturedSoFar | null = null,
  ) {
    this.#capBytes = capBytes;
    this.#onText = onText;
    if (before === null) return;
    const kept = Buffer.from(before.kept, "base64");
    this.#keep(kept);
    this.#seenBytes = before.seen_bytes;
    this.#held = kept.subarray(kept.length - unfinishedBytes(kept));
  }

  /** For the capture that goes on with this stream. */
  soFar(): CapturedSoFar {
    const kept = this.#kept.subarray(0, this.#keptBytes).toString("base64");
    return { kept, seen_bytes: this.#seenBytes };
  }

  write(chunk: Uint8Array): void {
    const kept = chunk.subarray(0, Math.max(0, this.#capBytes - this.#keptBytes));
    const offset = this.#keptBytes - this.#held.length;
    this.#seenBytes += chunk.length;
    // What is beyond the cap is not passed on either: a flood must not fill the link.
    if (kept.length === 0) return;
    this.#keep(kept);
    const bytes = this.#held.length === 0 ? kept : Buffer.concat([this.#held, kept]);
    const whole = bytes.length - unfinishedBytes(bytes);
    this.#held = bytes.subarray(whole);
    if (whole > 0) this.#onText(offset, decoder.decode(bytes.subarray(0, whole)));
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#keptBytes + bytes.length;
    if (needed > this.#kept.length) {
      const grown = Buffer.alloc(Math.min(this.#capBytes, Math.max(needed, 2 * this.#kept.length)));
      grown.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = grown;
    }
    this.#kept.set(bytes, this.#keptBytes);
    this.#keptBytes = needed;
  }

  /** What was kept. Bytes that are no UTF-8 become U+FFFD, as in StackStorm. */
  end(): CapturedText {
    return {
      text: decoder.decode(this.#kept.subarray(0, this.#keptBytes)),
      droppedBytes: this.#seenBytes - this.#keptBytes,
    };
  }
}

/** How many bytes at the end begin a character of UTF-8 (RFC 3629, §3) without finishing it. */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    const isContinuation = (byte & 0xc0) === 0x80;
    if (isContinuation) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
