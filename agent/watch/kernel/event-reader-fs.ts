/**
 * Reads a kernel descriptor (fanotify, inotify, netlink) within Node's own event loop: no thread, no timer. libuv has no
 * type for such a descriptor, so a pipe's is taken, and the kernel's put in its place before the loop first waits for it.
 */
import { Socket } from "node:net";
import type { Timers } from "../../../shared/timers.ts";
import { flags, type Libc, SystemCallError } from "./libc-fs.ts";

export interface EventReader {
  /**
   * Takes at once what waits in the kernel, for who cannot go on without it; `most`: reads. Not to be called by
   * `onChunk`.
   */
  drain(most?: number): void;
  /** Resolves when the descriptor is closed; no chunk comes after that. */
  stop(): Promise<void>;
}

export interface ReaderOptions {
  readonly libc: Libc;
  /** Taken over, and closed by `stop`. */
  readonly fd: number;
  /** ms waited after each read: events gather, and equal ones are merged by the kernel. 0: none. */
  readonly pauseMs: number;
  readonly timers: Timers;
  /** The most that one read takes; 256 KiB unless said. */
  readonly bufferBytes?: number;
  /** One read(2): whole events. Valid during the call only. */
  readonly onChunk: (bytes: Buffer) => void;
  /** The descriptor cannot be read any more, or (netlink) messages were lost. */
  readonly onError: (error: Error) => void;
}

/** Large enough for thousands of events; a read never cuts one. */
const usualBytes = 256 * 1024;
/** One drain takes no more: others may write faster than one reads. */
const mostReads = 10_000;

export function readEvents(options: ReaderOptions): EventReader {
  const { libc, fd, pauseMs, timers, bufferBytes = usualBytes, onChunk, onError } = options;
  const [readEnd, writeEnd] = libc.pipe(flags.O_NONBLOCK | flags.O_CLOEXEC);
  let isStopped = false;
  let resume: (() => void) | null = null;
  const socket = new Socket({
    fd: readEnd,
    readable: true,
    writable: false,
    // A buffer of its own: two descriptors that share one would mix their events.
    onread: {
      buffer: Buffer.alloc(bufferBytes),
      callback: (size, bytes) => {
        if (isStopped) return false;
        onChunk(Buffer.from(bytes.buffer, bytes.byteOffset, size));
        if (pauseMs === 0 || isStopped) return true;
        resume = timers.after(pauseMs, () => {
          resume = null;
          if (!isStopped) socket.resume();
        });
        return false;
      },
    },
  });
  // Before the loop turns: epoll registers the descriptor that stands here then.
  libc.duplicate(fd, readEnd, flags.O_CLOEXEC);
  libc.close(fd);
  libc.close(writeEnd);
  socket.on("error", (error) => {
    if (!isStopped) onError(error);
  });
  socket.on("end", () => {
    if (!isStopped) onError(new Error("the kernel closed the descriptor"));
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.resume();
  let spare: Buffer | null = null;
  return {
    drain: (most = mostReads) => {
      try {
        for (let reads = 0; reads < most && !isStopped && !socket.destroyed; reads++) {
          spare ??= Buffer.alloc(bufferBytes);
          const size = libc.read(readEnd, spare);
          if (size === null || size === 0) return;
          onChunk(spare.subarray(0, size));
        }
      } catch (error) {
        if (!(error instanceof SystemCallError)) throw error;
        // The error is told once, and whoever reads next would not learn of it.
        socket.destroy(error);
      }
    },
    stop: () => {
      isStopped = true;
      resume?.();
      socket.destroy();
      return closed;
    },
  };
}
