/**
 * Reads a kernel descriptor (fanotify, inotify, netlink) within Node's own event loop: no thread, no timer. libuv has no
 * type for such a descriptor, so a pipe's is taken, and the kernel's put in its place before the loop first waits for it.
 */
import { Socket } from "node:net";
import type { Timers } from "../../../shared/timers.ts";
import { flags, type Libc } from "./libc-fs.ts";

export interface EventReader {
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
  /** One read(2): whole events. Valid during the call only. */
  readonly onChunk: (bytes: Buffer) => void;
  /** The descriptor cannot be read any more, or (netlink) messages were lost. */
  readonly onError: (error: Error) => void;
}

/** Large enough for thousands of events; a read never cuts one. */
const bufferBytes = 256 * 1024;

export function readEvents(options: ReaderOptions): EventReader {
  const { libc, fd, pauseMs, timers, onChunk, onError } = options;
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
  return {
    stop: () => {
      isStopped = true;
      resume?.();
      socket.destroy();
      return closed;
    },
  };
}
