/** Output of running actions, piece by piece: best effort and capped. The final result never waits for it. */
import { Buffer } from "node:buffer";
import type { Clock } from "../clock.ts";
import type { StreamChunk } from "../wire/messages.ts";

export type ChunkBody = Pick<StreamChunk, "execution" | "stream" | "offset" | "text">;

export interface OutputStreamOptions {
  readonly send: (chunk: ChunkBody) => void;
  readonly clock: Clock;
}

/** Bytes of one chunk; far below a packet, so that ledger traffic is not held up behind it. */
const chunkBytes = 32 * 1024;
/** Bytes of one execution's output stream that are sent; the result has its own, larger cap. */
const maxPerStream = 1024 * 1024;
/** Bytes per second of all streams of the link, and how much may come at once. */
const ratePerSecond = 256 * 1024;
const burstBytes = 512 * 1024;

/** Keeps nothing of any execution. What is dropped leaves a gap in the offsets: the reader sees that it is missing. */
export class OutputStream {
  readonly #options: OutputStreamOptions;
  #connected = false;
  #allowance = burstBytes;
  #refilledAt: number;

  constructor(options: OutputStreamOptions) {
    this.#options = options;
    this.#refilledAt = options.clock.monotonic();
  }

  connected(): void {
    this.#connected = true;
  }

  disconnected(): void {
    this.#connected = false;
  }

  /**
   * Sends `text`, or drops it. `offset` is the number of bytes before it in its stream. Whole characters only: the
   * caller decodes across its reads.
   */
  write(execution: string, stream: "stdout" | "stderr", offset: number, text: string): void {
    let at = offset;
    for (const piece of pieces(text)) {
      const size = Buffer.byteLength(piece);
      if (at + size <= maxPerStream && this.#connected && this.#spend(size)) {
        this.#options.send({ execution, stream, offset: at, text: piece });
      }
      at += size;
    }
  }

  #spend(size: number): boolean {
    const now = this.#options.clock.monotonic();
    const refill = ((now - this.#refilledAt) / 1_000) * ratePerSecond;
    this.#allowance = Math.min(burstBytes, this.#allowance + refill);
    this.#refilledAt = now;
    if (size > this.#allowance) return false;
    this.#allowance -= size;
    return true;
  }
}

/** Cuts between characters; a UTF-16 unit takes at most three bytes. */
function* pieces(text: string): Generator<string> {
  const most = Math.floor(chunkBytes / 3);
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + most);
    const splitsPair = end < text.length && /[\ud800-\udbff]/.test(text.charAt(end - 1));
    if (splitsPair) end--;
    yield text.slice(start, end);
    start = end;
  }
}
