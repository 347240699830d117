/**
 * Watches whole file systems with one mark each, fanotify(7): no watches to run out of, no race on new folders, the pid in
 * each event, both names of a rename. Needs root, and a file system whose handles can be opened.
 */
import { closeSync, constants, openSync, readlinkSync } from "node:fs";
import type { Timers } from "../../../shared/timers.ts";
import { type BytePath, isWithin, joinPath, pathBuffer } from "../../../shared/watch/paths.ts";
import type { Hint, HintFacts, ObservedTree, ObserverListener } from "../observer.ts";
import { type EventReader, readEvents } from "./event-reader-fs.ts";
import { decodeFanotify, type FanotifyEvent, fan, type NameInFolder } from "./fanotify-events.ts";
import { FolderCache } from "./folder-cache.ts";
import { flags, type Libc, SystemCallError } from "./libc-fs.ts";
import type { Mount } from "./mounts.ts";

const init = {
  CLOEXEC: 0x1,
  NONBLOCK: 0x2,
  UNLIMITED_QUEUE: 0x10,
  UNLIMITED_MARKS: 0x20,
  DFID_NAME: 0xc00,
} as const;
const mark = {
  ADD: 0x1,
  FILESYSTEM: 0x100,
  FLUSH: 0x80,
  IGNORE: 0x400,
  SURVIVE: 0x40,
  EVICTABLE: 0x200,
} as const;
/** Never closed after writing, closed after writing, names, attributes: each is missed by one of the others. */
const mask = fan.CREATE | fan.DELETE | fan.RENAME | fan.MODIFY | fan.CLOSE_WRITE | fan.ATTRIB | fan.ONDIR;

/** ms between two reads: events gather, and equal ones merge; an unrelated storm then costs a twentieth. */
const pauseMs = 10;
/** Reads at once: some ten thousand events. */
const mostDrained = 8;
const cachedFolders = 40_000;
/** Events a second from one folder that does not count, above which the kernel is told to keep them. */
const noisyPerSecond = 2_000;
const maxIgnored = 256;
/** The kernel says 0 of a process in another pid namespace. */
const outsider = -1;

export interface FanotifyOptions {
  readonly libc: Libc;
  readonly tree: ObservedTree;
  readonly listener: ObserverListener;
  readonly timers: Timers;
  readonly monotonic: () => number;
  /** Events the kernel keeps for us; `limited` (16,384) in tests of a lost queue. */
  readonly queue: "unlimited" | "limited";
}

interface Marked {
  readonly mount: Mount;
  readonly fileSystem: string;
}

/** Why fanotify is not to be had by this process, as the kernel says it; `null` when it is. Leaves nothing open. */
export function fanotifyProblem(libc: Libc): string | null {
  try {
    const asked = init.CLOEXEC | init.NONBLOCK | init.UNLIMITED_MARKS | init.DFID_NAME | init.UNLIMITED_QUEUE;
    libc.close(libc.fanotifyInit(asked, flags.O_RDONLY | flags.O_CLOEXEC | flags.O_LARGEFILE));
    return null;
  } catch (error) {
    if (error instanceof SystemCallError) return error.message;
    throw error;
  }
}

export class Fanotify {
  readonly #options: FanotifyOptions;
  readonly #fd: number;
  readonly #reader: EventReader;
  readonly #cache = new FolderCache(cachedFolders);
  #marked: Marked[] = [];
  #noise = new Map<string, number>();
  #noiseSince = 0;
  #ignored = 0;

  /** Throws a SystemCallError (EPERM, ENOSYS, EINVAL) where fanotify is not to be had. */
  constructor(options: FanotifyOptions) {
    this.#options = options;
    const { libc, timers, listener, queue } = options;
    const unlimited = queue === "unlimited" ? init.UNLIMITED_QUEUE : 0;
    this.#fd = libc.fanotifyInit(
      init.CLOEXEC | init.NONBLOCK | init.UNLIMITED_MARKS | init.DFID_NAME | unlimited,
      flags.O_RDONLY | flags.O_CLOEXEC | flags.O_LARGEFILE,
    );
    // The reader's descriptor is another number for the same group; this one keeps taking marks.
    const [copy, unused] = libc.pipe(flags.O_CLOEXEC);
    libc.close(unused);
    libc.duplicate(this.#fd, copy, flags.O_CLOEXEC);
    this.#reader = readEvents({
      libc,
      fd: copy,
      pauseMs,
      timers,
      onChunk: (bytes) => this.#take(bytes),
      onError: (error) => listener.blind("read-error", "/", error.message),
    });
  }

  /** Rejects nothing: the reason why a mount cannot be marked, or `null` when it is. */
  add(mount: Mount): string | null {
    const { libc } = this.#options;
    try {
      const fileSystem = libc.fileSystemId(mount.point);
      if (fileSystem.every((byte) => byte === 0)) return "the file system has no id";
      libc.fanotifyMark(this.#fd, mark.ADD | mark.FILESYSTEM, BigInt(mask), mount.point);
      this.#marked.push({ mount, fileSystem: fileSystem.toString("latin1") });
      // Folders that were outside of all marks so far are not any more.
      this.#cache.clear();
      return null;
    } catch (error) {
      if (error instanceof SystemCallError) return error.message;
      throw error;
    }
  }

  /** It is not mounted there any more. */
  drop(mount: Mount): void {
    this.#marked = this.#marked.filter((marked) => marked.mount.id !== mount.id);
    this.#cache.clear();
  }

  /** Takes what the kernel has told up to now, at once: a storm's first part of it. */
  drain(): void {
    this.#reader.drain(mostDrained);
  }

  async stop(): Promise<void> {
    await this.#reader.stop();
    this.#options.libc.close(this.#fd);
    this.#marked = [];
  }

  #take(bytes: Buffer): void {
    const { listener } = this.#options;
    const { events, isWhole } = decodeFanotify(bytes);
    if (!isWhole) listener.blind("read-error", "/", "an event that cannot be decoded");
    const hints: Hint[] = [];
    for (const event of events) {
      if ((event.mask & fan.Q_OVERFLOW) !== 0) {
        listener.blind("overflow", "/", "the kernel's queue of events was full");
      } else if (event.from !== null || event.to !== null) this.#renamed(event, hints);
      else this.#touched(event, hints);
    }
    if (hints.length > 0) listener.hints(hints);
  }

  #touched({ mask: bits, pid: told, at }: FanotifyEvent, hints: Hint[]): void {
    if (at === null) return;
    const pid = told || outsider;
    for (const path of this.#pathsOf(at)) hints.push({ path, deep: false, facts: factsOf(bits), pid });
  }

  #renamed({ mask: bits, pid: told, from, to }: FanotifyEvent, hints: Hint[]): void {
    const pid = told || outsider;
    const isFolder = (bits & fan.ONDIR) !== 0;
    const gone = from === null ? [] : this.#pathsOf(from);
    const came = to === null ? [] : this.#pathsOf(to);
    for (const [at, path] of gone.entries()) {
      const partner = came[at] ?? came[0];
      const facts = { created: false, deleted: true, written: false };
      hints.push({ path, deep: isFolder, facts, pid, ...(partner !== undefined && { partner }) });
    }
    for (const [at, path] of came.entries()) {
      const partner = gone[at] ?? gone[0];
      const facts = { created: true, deleted: false, written: false };
      hints.push({ path, deep: isFolder, facts, pid, ...(partner !== undefined && { partner }) });
    }
    // Paths below a folder that moved are others now; and one that came in may have been ignored.
    if (isFolder && gone.length + came.length > 0) {
      this.#cache.clear();
      this.#unignore();
    }
  }

  /** More than one where a file system is mounted at several watched places. */
  #pathsOf(at: NameInFolder): readonly BytePath[] {
    const paths: BytePath[] = [];
    for (const marked of this.#marked) {
      if (marked.fileSystem !== at.fileSystem) continue;
      const folder = this.#folderOf(at, marked);
      if (folder === null) continue;
      paths.push(at.name === "." ? folder : joinPath(folder, at.name));
    }
    return paths;
  }

  #folderOf(at: NameInFolder, { mount }: Marked): BytePath | null {
    const key = `${mount.id}:${at.key}`;
    const known = this.#cache.get(key);
    if (known !== undefined) {
      if (known === null) this.#countNoise(at, key, mount);
      return known;
    }
    const path = this.#open(at.handle, mount);
    // Gone: its own removal is an event in the folder it was in.
    if (path === null) return null;
    const { tree } = this.#options;
    const counts =
      isWithin(path, mount.point) && (tree.mayEnter(path) || tree.roots.some((root) => isWithin(root, path)));
    const folder = counts ? path : null;
    this.#cache.set(key, folder);
    return folder;
  }

  #open(handle: Buffer, mount: Mount): BytePath | null {
    const fd = this.#descriptorOf(handle, mount);
    if (fd === null) return null;
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`, "latin1");
      return path.endsWith(" (deleted)") ? null : path;
    } finally {
      this.#options.libc.close(fd);
    }
  }

  /** A handle is opened relative to a descriptor on its mount; one that is kept would be in the way of umount(8). */
  #descriptorOf(handle: Buffer, mount: Mount): number | null {
    let mountFd: number;
    try {
      mountFd = openSync(pathBuffer(mount.point), constants.O_RDONLY | constants.O_NONBLOCK);
    } catch {
      // Unmounted, and its folder is gone.
      return null;
    }
    try {
      return this.#options.libc.openByHandle(mountFd, handle);
    } catch (error) {
      if (error instanceof SystemCallError) return null;
      throw error;
    } finally {
      closeSync(mountFd);
    }
  }

  /** A folder that does not count and is busy all the time is kept from us by the kernel, at no cost. */
  #countNoise(at: NameInFolder, key: string, mount: Mount): void {
    const now = this.#options.monotonic();
    if (now - this.#noiseSince > 1_000) {
      this.#noiseSince = now;
      this.#noise.clear();
    }
    const count = (this.#noise.get(key) ?? 0) + 1;
    if (this.#noise.size < 1_000 || this.#noise.has(key)) this.#noise.set(key, count);
    if (count !== noisyPerSecond || this.#ignored >= maxIgnored) return;
    const path = this.#open(at.handle, mount);
    const { libc, tree } = this.#options;
    // Never a folder on the way to what is watched.
    if (path === null || tree.roots.some((root) => isWithin(root, path)) || tree.mayEnter(path)) return;
    try {
      const how = mark.ADD | mark.IGNORE | mark.SURVIVE | mark.EVICTABLE;
      libc.fanotifyMark(this.#fd, how, BigInt(mask | fan.EVENT_ON_CHILD), path);
      this.#ignored++;
    } catch (error) {
      // An older kernel: the noise is read and dropped, as before.
      if (!(error instanceof SystemCallError)) throw error;
      this.#ignored = maxIgnored;
    }
  }

  #unignore(): void {
    if (this.#ignored === 0 || this.#ignored >= maxIgnored) return;
    this.#options.libc.fanotifyMark(this.#fd, mark.FLUSH, 0n, "/");
    this.#ignored = 0;
  }
}

function factsOf(bits: number): HintFacts {
  return {
    created: (bits & fan.CREATE) !== 0,
    deleted: (bits & fan.DELETE) !== 0,
    written: (bits & (fan.MODIFY | fan.CLOSE_WRITE)) !== 0,
  };
}
