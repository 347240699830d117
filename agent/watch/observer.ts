/** What tells the sensor where to look. Kernel events are hints: the baseline decides whether something changed. */
import type { BytePath } from "../../shared/watch/paths.ts";

/** What an event said had happened. A hint may say several things at once: the kernel merges events that wait. */
export interface HintFacts {
  readonly created: boolean;
  readonly deleted: boolean;
  /** Written, or closed after writing. */
  readonly written: boolean;
}

/** "Look here." */
export interface Hint {
  readonly path: BytePath;
  /** At everything below it, too. */
  readonly deep: boolean;
  readonly facts: HintFacts;
  /** Who did it; 0 when the backend does not say, -1 for one outside of this pid namespace. */
  readonly pid: number;
  /** The other side of a move: the two have to be looked at together. */
  readonly partner?: BytePath;
}

/** Why nothing can be said about a stretch of time. */
export type BlindCause =
  /** The kernel's queue was full: events are missing. */
  | "overflow"
  /** More folders than the kernel grants watches. */
  | "watch-limit"
  /** The kernel interface failed. */
  | "read-error"
  /** A file system came, went, or was covered by another. */
  | "mount-changed"
  /** A symbolic link on the way to a watched path leads elsewhere. */
  | "link-changed"
  /** More changes than could be handed on. */
  | "backpressure";

export interface ObserverListener {
  /** In the order of the kernel's queue. Never called within a call of the observer's own methods but `drain`. */
  hints(batch: readonly Hint[]): void;
  /** Something may have been missed below `path`: everything there has to be looked at again. */
  blind(cause: BlindCause, path: BytePath, detail: string): void;
}

export type BackendName = "fanotify" | "inotify" | "sweep";

/** How far one part of the tree is covered, for people and for `petrel-agent coverage`. */
export interface Coverage {
  readonly path: BytePath;
  readonly mount: BytePath;
  readonly filesystem: string;
  readonly backend: BackendName;
  /** `live`: changes are told by the kernel. `polled`: only sweeps find them. `blind`: nothing does, at present. */
  readonly state: "live" | "polled" | "blind";
  /** Why it is not live, or what the backend cannot see; empty when there is nothing to say. */
  readonly reason: string;
}

/** One kernel interface, armed over a set of folders. */
export interface Observer {
  /**
   * Resolves once changes below the roots are seen. Where a root does not exist its nearest existing folder is
   * observed, so that its coming is seen. Rejects when the interface cannot be had here; then nothing is armed.
   */
  start(listener: ObserverListener): Promise<void>;
  coverage(): readonly Coverage[];
  /** After it resolves no hint comes and no handle keeps the process alive. */
  stop(): Promise<void>;
}

/** What an observer has to know about the selection. */
export interface ObservedTree {
  readonly roots: readonly BytePath[];
  /** Whether a link at a root leads to what is observed. */
  isFollowed(root: BytePath): boolean;
  /** Whether a folder's content may count. */
  mayEnter(folder: BytePath): boolean;
}
