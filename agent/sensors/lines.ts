/** Lines of the sensor protocol: messages to lines, and a stream of bytes cut into lines of bounded length. */
import { isUtf8 } from "node:buffer";
import type { AgentMessage, SensorMessage } from "./messages.ts";

/** Bytes a line of the sensor protocol may have; a longer one is dropped and counted, never buffered. */
export const maxLineBytes = 1024 * 1024;

export type CutLine =
  /** A whole line without its line end. `clean` is false when it is not UTF-8; then `text` is an approximation. */
  | { readonly kind: "line"; readonly text: string; readonly clean: boolean; readonly bytes: number }
  /** A line that passed the bound; reported once, at its end. `head` is how it began. */
  | { readonly kind: "dropped"; readonly bytes: number; readonly head: string };

/** A line that has begun and has no end yet. */
export interface CutSoFar {
  /** In base64; of one that is dropped its head, as text. */
  readonly kept: string;
  readonly seen_bytes: number;
  readonly dropping: boolean;
}

/** Bytes kept of a line that is dropped: enough to see what it was about. */
const headBytes = 512;
/** Parts that are joined at once. */
const mostTail = 1024;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Remembers the unfinished line between chunks, and nothing else. */
export class LineCutter {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  /** The newest parts, until there are enough to be made one: a line may come byte by byte. */
  #tail: Uint8Array[] = [];
  #bytes = 0;
  #dropping = false;
  #head = "";

  constructor(maxBytes: number = maxLineBytes) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that `chunk` completes, in order. Empty lines are left out. */
  push(chunk: Uint8Array): CutLine[] {
    const lines: CutLine[] = [];
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(lineFeed, from);
      if (end === -1) break;
      this.#keep(chunk.subarray(from, end));
      const line = this.#finish();
      if (line !== null) lines.push(line);
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  /** The line that has begun, for the cutter that goes on with this stream. Joins what there is. */
  soFar(): CutSoFar {
    if (this.#dropping) return { kept: this.#head, seen_bytes: this.#bytes, dropping: true };
    const kept = Buffer.concat([...this.#parts, ...this.#tail]).toString("base64");
    return { kept, seen_bytes: this.#bytes, dropping: false };
  }

  /** As the cutter was that said `before`; only for one that has seen nothing. */
  resume(before: CutSoFar): void {
    this.#bytes = before.seen_bytes;
    this.#dropping = before.dropping;
    if (before.dropping) this.#head = before.kept;
    else this.#tail = [Buffer.from(before.kept, "base64")];
  }

  /** What the stream left unfinished when it ended: never a message, since its line end is missing. */
  end(): CutLine | null {
    return this.#finish();
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (!this.#dropping) this.#tail.push(part);
    if (this.#tail.length === mostTail) this.#joinTail();
    if (this.#bytes > this.#maxBytes && !this.#dropping) {
      this.#dropping = true;
      this.#joinTail();
      this.#head = Buffer.concat(this.#parts.map((kept) => kept.subarray(0, headBytes)))
        .subarray(0, headBytes)
        .toString("utf8");
      this.#parts = [];
    }
  }

  #joinTail(): void {
    this.#parts.push(Buffer.concat(this.#tail));
    this.#tail = [];
  }

  #finish(): CutLine | null {
    const bytes = this.#bytes;
    const dropped = this.#dropping;
    let whole = Buffer.concat([...this.#parts, ...this.#tail]);
    this.#tail = [];
    this.#parts = [];
    this.#bytes = 0;
    this.#dropping = false;
    if (dropped) return { kind: "dropped", bytes, head: this.#head };
    if (whole.at(-1) === carriageReturn) whole = whole.subarray(0, -1);
    if (whole.length === 0) return null;
    return { kind: "line", text: whole.toString("utf8"), clean: isUtf8(whole), bytes };
  }
}

/** The message as a line with its line end. JSON escapes line ends inside texts, so there is exactly one. */
export function encodeLine(message: AgentMessage | SensorMessage): string {
  return `${JSON.stringify(message)}\n`;
}
