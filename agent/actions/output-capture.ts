/** Keeps what a process writes up to a cap, and passes it on in whole characters as it comes. */
import { Buffer } from "node:buffer";
import type { CapturedText } from "./outcome.ts";

/** Bytes of each stream that a result keeps. */
export const defaultOutputCapBytes = 1024 * 1024;

/** `offset` counts the bytes before this piece. */
export type OnOutput = (stream: "stdout" | "stderr", offset: number, text: string) => void;

/** One stream of one run. Memory is bounded by the cap, however much is written. */
export class OutputCapture {
  readonly #capBytes: number;
  readonly #onText: (offset: number, text: string) => void;
  readonly #decoder = new TextDecoder("utf-8");
  readonly #chunks: Uint8Array[] = [];
  #keptBytes = 0;
  #seenBytes = 0;

  constructor(capBytes: number, onText: (offset: number, text: string) => void) {
    this.#capBytes = capBytes;
    this.#onText = onText;
  }

  write(chunk: Uint8Array): void {
    const offset = this.#seenBytes;
    this.#seenBytes += chunk.length;
    const kept = chunk.subarray(0, Math.max(0, this.#capBytes - this.#keptBytes));
    if (kept.length === 0) return;
    this.#keptBytes += kept.length;
    this.#chunks.push(kept);
    // What is beyond the cap is not streamed either: a flood must not fill the link.
    const text = this.#decoder.decode(kept, { stream: true });
    if (text !== "") this.#onText(offset, text);
  }

  /** What was kept. Bytes that are no UTF-8 become U+FFFD, as in StackStorm. */
  end(): CapturedText {
    return {
      text: Buffer.concat(this.#chunks).toString("utf8"),
      droppedBytes: this.#seenBytes - this.#keptBytes,
    };
  }
}
