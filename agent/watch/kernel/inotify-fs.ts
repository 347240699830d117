/**
 * Watches folders one by one, inotify(7): for agents that are not root, and file systems that fanotify cannot mark. A
 * folder is watched first and listed then, so nothing that is made in it meanwhile is missed.
 */
import { readdirSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { Timers } from "../../../shared/timers.ts";
import { type BytePath, isWithin, joinPath, parentOf, pathBuffer } from "../../../shared/watch/paths.ts";
import { lookStat } from "../look-fs.ts";
import type { Hint, HintFacts, ObservedTree, ObserverListener } from "../observer.ts";
import { type EventReader, readEvents } from "./event-reader-fs.ts";
import { decodeInotify, type InotifyEvent, inotify } from "./inotify-events.ts";
import { flags, type Libc, SystemCallError } from "./libc-fs.ts";
import { WatchTable } from "./watch-table.ts";

const mask =
  inotify.MODIFY |
  inotify.ATTRIB |
  inotify.CLOSE_WRITE |
  inotify.MOVED_FROM |
  inotify.MOVED_TO |
  inotify.CREATE |
  inotify.DELETE |
  inotify.DELETE_SELF |
  inotify.MOVE_SELF |
  inotify.ONLYDIR |
  inotify.DONT_FOLLOW;
const pauseMs = 10;
const noFacts: HintFacts = { created: false, deleted: false, written: false };
/** Folders put under watch before the loop turns. */
const slice = 200;

export interface InotifyOptions {
  readonly libc: Libc;
  readonly tree: ObservedTree;
  readonly listener: ObserverListener;
  readonly timers: Timers;
}

export class Inotify {
  readonly #options: InotifyOptions;
  readonly #fd: number;
  readonly #reader: EventReader;
  readonly #table = new WatchTable();
  /** Folders for which the kernel granted no watch. */
  readonly #unwatched = new Set<BytePath>();
  #half: { readonly path: BytePath; readonly cookie: number; readonly isFolder: boolean } | null = null;
  #isStopped = false;

  /** Throws a SystemCallError (EMFILE: no more instances for this user). */
  constructor(options: InotifyOptions) {
    this.#options = options;
    const { libc, timers, listener } = options;
    this.#fd = libc.inotifyInit(flags.O_NONBLOCK | flags.O_CLOEXEC);
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

  /** Resolves once the folder and all below it that may count are watched, as far as the kernel grants it. */
  async add(root: BytePath): Promise<void> {
    const first = this.#nearest(root);
    const waiting = [first];
    for (
      let done = 1, path = waiting.pop();
      path !== undefined && !this.#isStopped;
      path = waiting.pop(), done++
    ) {
      // Above a root that is not there yet only the one folder is watched.
      if (!isWithin(path, root)) this.#watch(path);
      else waiting.push(...this.#watchAndList(path));
      if (done % slice === 0) await turn();
    }
  }

  /** Folders within `root` that only sweeps look at, each with all that is below it. */
  unwatchedWithin(root: BytePath): readonly BytePath[] {
    return [...this.#unwatched].filter((path) => isWithin(path, root));
  }

  get watches(): number {
    return this.#table.size;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#reader.stop();
    this.#options.libc.close(this.#fd);
  }

  #nearest(root: BytePath): BytePath {
    for (let path = root; ; path = parentOf(path)) {
      const outcome = lookStat(path);
      if ("found" in outcome && outcome.found?.kind === "directory") return path;
      if (path === "/") return path;
    }
  }

  /** The folders in it, which have to be watched too. */
  #watchAndList(folder: BytePath): BytePath[] {
    if (!this.#options.tree.mayEnter(folder) || !this.#watch(folder)) return [];
    try {
      return readdirSync(pathBuffer(folder), { encoding: "latin1", withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => joinPath(folder, name));
    } catch (error) {
      // Gone again, or not ours to list: the look says which.
      if (error instanceof Error && "code" in error) return [];
      throw error;
    }
  }

  #watch(folder: BytePath): boolean {
    const { libc, listener } = this.#options;
    try {
      this.#table.set(libc.inotifyAddWatch(this.#fd, folder, mask), folder);
      this.#unwatched.delete(folder);
      return true;
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      if (error.code === "ENOSPC") {
        const isFirst = this.#unwatched.size === 0;
        this.#unwatched.add(folder);
        // Told once: every further folder is in the same case.
        if (isFirst) {
          const hint = "raise fs.inotify.max_user_watches (sysctl)";
          queueMicrotask(() =>
            listener.blind("watch-limit", folder, `no watch left for this folder: ${hint}`),
          );
        }
      }
      return false;
    }
  }

  #take(bytes: Buffer): void {
    const { listener } = this.#options;
    const { events, isWhole } = decodeInotify(bytes);
    if (!isWhole) listener.blind("read-error", "/", "an event that cannot be decoded");
    const hints: Hint[] = [];
    for (const event of events) this.#event(event, hints);
    this.#leave(hints);
    if (hints.length > 0) listener.hints(hints);
  }

  #event(event: InotifyEvent, hints: Hint[]): void {
    const { watch, mask: bits, name, cookie } = event;
    if ((bits & inotify.Q_OVERFLOW) !== 0) {
      void this.#overflowed();
      return;
    }
    const folder = this.#table.pathOf(watch);
    if ((bits & inotify.IGNORED) !== 0) {
      this.#table.forget(watch);
      return;
    }
    if (folder === undefined) {
      if (!this.#table.isLeaving(watch)) {
        this.#options.listener.blind("read-error", "/", `an event of an unknown watch (${watch})`);
      }
      return;
    }
    const path = name === "" ? folder : joinPath(folder, name);
    const isFolder = (bits & inotify.ISDIR) !== 0 && name !== "";
    const facts = {
      created: (bits & (inotify.CREATE | inotify.MOVED_TO)) !== 0,
      deleted: (bits & (inotify.DELETE | inotify.MOVED_FROM | inotify.DELETE_SELF)) !== 0,
      written: (bits & (inotify.MODIFY | inotify.CLOSE_WRITE)) !== 0,
    };
    const half = this.#half;
    const isOther = half !== null && (bits & inotify.MOVED_TO) !== 0 && half.cookie === cookie;
    if (isOther) {
      this.#half = null;
      const deep = half.isFolder;
      hints.push({ path: half.path, deep, facts: { ...noFacts, deleted: true }, pid: 0, partner: path });
      hints.push({ path, deep, facts, pid: 0, partner: half.path });
      if (half.isFolder) this.#movedWithin(half.path, path);
      return;
    }
    // The other half comes at once or not at all: then it left the tree.
    this.#leave(hints);
    if ((bits & inotify.MOVED_FROM) !== 0) {
      this.#half = { path, cookie, isFolder };
      return;
    }
    const deep = isFolder && facts.created;
    hints.push({ path, deep, facts, pid: 0 });
    if (deep) this.#addNew(path);
  }

  /** Something moved out of sight: what was below it is not watched any more. */
  #leave(hints: Hint[]): void {
    const half = this.#half;
    if (half === null) return;
    this.#half = null;
    hints.push({ path: half.path, deep: half.isFolder, facts: { ...noFacts, deleted: true }, pid: 0 });
    if (half.isFolder) this.#dropWithin(half.path);
  }

  #movedWithin(from: BytePath, to: BytePath): void {
    this.#table.move(from, to);
    // It may have come to where more, or less, of it counts.
    this.#addNew(to);
  }

  #dropWithin(folder: BytePath): void {
    for (const watch of this.#table.takeWithin(folder)) {
      try {
        this.#options.libc.inotifyRemoveWatch(this.#fd, watch);
      } catch (error) {
        // The kernel has removed it with its folder.
        if (!(error instanceof SystemCallError)) throw error;
      }
    }
  }

  #addNew(folder: BytePath): void {
    const waiting = [folder];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop())
      waiting.push(...this.#watchAndList(path));
  }

  /** Folders made while events were lost have no watches: all are put under watch again before everything is looked at. */
  async #overflowed(): Promise<void> {
    const { tree, listener } = this.#options;
    try {
      for (const root of tree.roots) await this.add(root);
    } finally {
      if (!this.#isStopped) listener.blind("overflow", "/", "the kernel's queue of events was full");
    }
  }
}
