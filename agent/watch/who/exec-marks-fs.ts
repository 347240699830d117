/** Hears of each program that is started, with the file it comes from: a fanotify group of its own (FAN_OPEN_EXEC, root). */
import { readFileSync, readlinkSync } from "node:fs";
import type { Timers } from "../../../shared/timers.ts";
import { type EventReader, readEvents } from "../kernel/event-reader-fs.ts";
import { flags, type Libc, SystemCallError } from "../kernel/libc-fs.ts";
import { type Mount, parseMounts } from "../kernel/mounts.ts";
import { decodeExecEvents, openExec } from "./exec-events.ts";

export interface ExecMarksOptions {
  readonly libc: Libc;
  readonly timers: Timers;
  readonly opened: (pid: number, path: string) => void;
  readonly failed: (reason: string) => void;
}

const init = { CLOEXEC: 0x1, NONBLOCK: 0x2, UNLIMITED_QUEUE: 0x10, UNLIMITED_MARKS: 0x20 } as const;
const mark = { ADD: 0x1, FILESYSTEM: 0x100 } as const;
/** Each event takes a descriptor until it is read: few at once. */
const bufferBytes = 24 * 128;
const pauseMs = 2;
/** ms between two looks at what is mounted. */
const mountsEveryMs = 30_000;
/** Nothing that could be run comes from these. */
const without = new Set(
  "proc sysfs cgroup cgroup2 devpts mqueue debugfs tracefs securityfs pstore bpf configfs binfmt_misc rpc_pipefs nsfs efivarfs autofs".split(
    " ",
  ),
);

export class ExecMarks {
  readonly #options: ExecMarksOptions;
  readonly #fd: number;
  readonly #reader: EventReader;
  readonly #marked = new Set<string>();
  #text = "";
  #cancel = () => {};

  /** Throws a SystemCallError where fanotify is not to be had, or no file system can be marked. */
  constructor(options: ExecMarksOptions) {
    this.#options = options;
    const { libc, timers, failed } = options;
    this.#fd = libc.fanotifyInit(
      init.CLOEXEC | init.NONBLOCK | init.UNLIMITED_QUEUE | init.UNLIMITED_MARKS,
      flags.O_RDONLY | flags.O_CLOEXEC | flags.O_LARGEFILE,
    );
    try {
      const refusal = this.#markAll();
      if (this.#marked.size === 0) throw refusal ?? new Error("no file system to mark");
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
    this.#reader = readEvents({
      libc,
      fd: libc.copyOf(this.#fd),
      pauseMs,
      bufferBytes,
      timers,
      onChunk: (bytes) => this.#take(bytes),
      onError: ({ message }) => failed(message),
    });
    this.#lookLater();
  }

  /** Takes at once what was told up to now. */
  drain(): void {
    this.#reader.drain();
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#reader.stop();
    this.#options.libc.close(this.#fd);
  }

  #take(bytes: Buffer): void {
    const { libc, opened } = this.#options;
    for (const { fd, pid } of decodeExecEvents(bytes)) {
      if (fd < 0) continue;
      let path: string;
      try {
        path = readlinkSync(`/proc/self/fd/${fd}`);
      } finally {
        libc.close(fd);
      }
      opened(pid, path);
    }
  }

  #lookLater(): void {
    this.#cancel = this.#options.timers.after(mountsEveryMs, () => {
      this.#markAll();
      this.#lookLater();
    });
  }

  /** What the last refusal was, if there was one. A file system is marked once, wherever it is mounted. */
  #markAll(): SystemCallError | null {
    const text = readFileSync("/proc/self/mountinfo", "latin1");
    if (text === this.#text) return null;
    this.#text = text;
    let refusal: SystemCallError | null = null;
    const mounts = parseMounts(text).filter(({ type }) => !without.has(type));
    const there = new Set(mounts.map(({ device }) => device));
    for (const device of this.#marked) if (!there.has(device)) this.#marked.delete(device);
    for (const mount of mounts) if (!this.#marked.has(mount.device)) refusal = this.#mark(mount) ?? refusal;
    return refusal;
  }

  #mark({ device, point }: Mount): SystemCallError | null {
    try {
      this.#options.libc.fanotifyMark(this.#fd, mark.ADD | mark.FILESYSTEM, BigInt(openExec), point);
      this.#marked.add(device);
      return null;
    } catch (error) {
      // Of programs there only what /proc shows at once is known.
      if (error instanceof SystemCallError) return error;
      throw error;
    }
  }
}
