/** Reads only the lengths of MQTT packets as they stream past, so that an oversized one is met before it is buffered. */

/** First bytes, type and flags, of packets that open a stream; MQTT 3.1.1 §2.2. */
export const opening = { connect: 0x10, connack: 0x20 } as const;
const publishType = 3;

export interface FrameLimits {
  /** What the stream must begin with. */
  readonly first: number;
  /** Bytes of a PUBLISH after its fixed header. */
  readonly publishBytes: number;
  /** Bytes of any other packet. */
  readonly otherBytes: number;
  /** Chunks in which one packet may arrive: each costs memory of its own until the packet is whole. */
  readonly pieces: number;
}

export const defaultFrameLimits = {
  publishBytes: 1024 * 1024,
  otherBytes: 16 * 1024,
  pieces: 4_096,
} as const;

export type FrameFault = "first_packet" | "bad_length" | "oversize" | "dripped";

/** One per connection. After a fault it stays at fault: the stream has lost its frame. */
export class FrameScanner {
  readonly #limits: FrameLimits;
  #fault: FrameFault | null = null;
  #whole = 0;
  #type = 0;
  /** Bytes of the length field read so far; -1 while the header's first byte is awaited. */
  #lengthBytes = -1;
  #bodyBytes = 0;
  /** Bytes of the body still to come; -1 while the header is read. */
  #remaining = -1;
  #pieces = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Packets that have passed completely. */
  get whole(): number {
    return this.#whole;
  }

  /** Looks at the next bytes of the stream; `null` while all is well. */
  scan(chunk: Uint8Array): FrameFault | null {
    let at = 0;
    this.#pieces += 1;
    while (this.#fault === null && at < chunk.length) {
      if (this.#remaining > 0) {
        const step = Math.min(this.#remaining, chunk.length - at);
        at += step;
        this.#remaining -= step;
      } else {
        this.#header(chunk[at] ?? 0);
        at += 1;
      }
      if (this.#remaining === 0) this.#next(at < chunk.length);
    }
    if (this.#pieces > this.#limits.pieces) this.#fault ??= "dripped";
    return this.#fault;
  }

  #header(byte: number): void {
    if (this.#lengthBytes < 0) {
      this.#type = byte >> 4;
      this.#lengthBytes = 0;
      if (this.#whole === 0 && byte !== this.#limits.first) this.#fault = "first_packet";
      return;
    }
    this.#bodyBytes += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    const { publishBytes, otherBytes } = this.#limits;
    if (this.#bodyBytes > (this.#type === publishType ? publishBytes : otherBytes)) {
      this.#fault = "oversize";
    } else if (byte < 0x80) {
      this.#remaining = this.#bodyBytes;
    } else if (this.#lengthBytes === 4) {
      this.#fault = "bad_length";
    }
  }

  #next(moreInChunk: boolean): void {
    this.#whole += 1;
    this.#lengthBytes = -1;
    this.#bodyBytes = 0;
    this.#remaining = -1;
    this.#pieces = moreInChunk ? 1 : 0;
  }
}
