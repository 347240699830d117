/** Stands between a socket and the broker's parser: bounds what one client can make the broker hold. */
import type { Socket } from "node:net";
import { defaultFrameLimits, type FrameFault, FrameScanner, opening } from "../../shared/mqtt/frames.ts";

export interface ReadGuardOptions {
  readonly socket: Socket;
  /** Bytes handed to ingest and not yet settled; at this many the socket is left unread. */
  readonly pendingBytes: number;
  /** The stream is no MQTT, or a packet too large; the socket is closed. */
  readonly onFault: (fault: FrameFault) => void;
}

/**
 * aedes reads with `socket.read()`, has no limit for a packet's size, and takes up reading again whenever bytes
 * arrive, even while it waits for ingest. So the guard takes the place of that method:
 * nothing passes between CONNECT and `open()`, nothing while too much is pending, nothing after a fault.
 * No wake-up is needed: aedes reads again after each packet it is done with, and after the connect is done.
 */
export class ReadGuard {
  readonly #mostPendingBytes: number;
  #pendingBytes = 0;
  #open = false;

  constructor({ socket, pendingBytes, onFault }: ReadGuardOptions) {
    this.#mostPendingBytes = pendingBytes;
    const frames = new FrameScanner({ ...defaultFrameLimits, first: opening.connect });
    const read = socket.read.bind(socket);
    let faulty = false;
    socket.read = (size?: number): unknown => {
      // Node's own way to ask for more; it takes nothing.
      if (size === 0) return read(0);
      const connecting = frames.whole > 0 && !this.#open;
      if (faulty || connecting || this.#pendingBytes >= this.#mostPendingBytes) return null;
      const chunk: unknown = read(size);
      if (!(chunk instanceof Uint8Array)) return chunk;
      const fault = frames.scan(chunk);
      if (fault === null) return chunk;
      faulty = true;
      onFault(fault);
      socket.destroy();
      return null;
    };
  }

  /** The client is authenticated and has its CONNACK. */
  open(): void {
    this.#open = true;
  }

  taken(bytes: number): void {
    this.#pendingBytes += bytes;
  }

  settled(bytes: number): void {
    this.#pendingBytes -= bytes;
  }
}
