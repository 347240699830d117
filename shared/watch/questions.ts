/**
 * What the watching sensor can be asked, and its answers: `verify {run, full, path?}`, `verify-state {run}`,
 * `look {path}`, `coverage {}`. Arguments and answers are JSON; paths in them are as people write them.
 */

export const watchSensor = "watch.FileWatch";

/** A path as it is told, `path_base64` where it is no UTF-8, and why it cannot be read, for instance EACCES. */
export interface UnreadablePath {
  readonly path: string;
  readonly path_base64?: string;
  readonly error: string;
}

/** A sweep that was asked for. Answers `verify`, which is harmless to ask twice, and `verify-state`. */
export interface VerifyState {
  readonly run: string;
  readonly state: "waiting" | "running" | "done" | "failed";
  readonly full: boolean;
  /** Only paths that this pattern fits, and what is below them; `null`: everything. */
  readonly path: string | null;
  /** RFC 3339 by the agent's clock. */
  readonly started_at: string | null;
  readonly ended_at: string | null;
  /** Paths that are there and were compared with the baseline so far. */
  readonly looked: number;
  /** How many there were at the last complete sweep, if that is known. */
  readonly expected: number | null;
  /** Changes that were told as `detected_by: sweep`. */
  readonly differences: number;
  /** Paths about which nothing can be said, and the first of them. */
  readonly unreadable: number;
  readonly unreadable_paths: readonly UnreadablePath[];
  /** Why it has failed. */
  readonly error: string | null;
}

/** What the baseline holds of one path. Answers `look`. */
export interface PathLook {
  /** Without `.`, `..`, double and trailing slashes. */
  readonly path: string;
  /** `false`: it is not selected, and nothing is known of it. */
  readonly watched: boolean;
  /** Why it could not be read at the last try. */
  readonly error: string | null;
  /** `null`: nothing is there. */
  readonly found: FoundPath | null;
}

export interface FoundPath {
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** SHA-256 in hexadecimal, of a file; of what a link leads to where links are followed. */
  readonly digest: string | null;
  /** Why a file has none. */
  readonly digest_missing: "off" | "too-large" | "unreadable" | "changing" | null;
  /** Bytes. */
  readonly size: number;
  /** Octal, four digits. */
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  readonly mtime: string;
  /** Of a symbolic link. */
  readonly target: string | null;
}

/** How one part of what is selected is watched. */
export interface CoveredPath {
  readonly path: string;
  readonly path_base64?: string;
  /** `live`: the kernel tells changes. `polled`: only sweeps find them. `blind`: nothing does, at present. */
  readonly state: "live" | "polled" | "blind";
  readonly backend: "fanotify" | "inotify" | "sweep";
  /** Where its file system is mounted, and of what type that is. */
  readonly mount: string;
  readonly filesystem: string;
  /** Why it is not watched better; empty when there is nothing to say. */
  readonly reason: string;
  /** What is found by a sweep at the earliest, or not at all. */
  readonly cannot_see: readonly string[];
}

/** Answers `coverage`. */
export interface WatchCoverage {
  /** By path; the first 1,000 that fit an answer. */
  readonly paths: readonly CoveredPath[];
  /** Paths that are left out of this answer. */
  readonly left_out: number;
  /** Paths that could not be read at the last try, and the first of them: blind until they can be. */
  readonly unreadable: number;
  readonly unreadable_paths: readonly UnreadablePath[];
  /** Seconds; 0: never. */
  readonly sweep: { readonly every: number; readonly full_every: number; readonly last: SweepReport | null };
  /** What says who made a change; agents of older versions do not tell. */
  readonly who?: WhoCoverage;
}

export interface WhoCoverage {
  /** As configured. */
  readonly asked: "auto" | "audit" | "off";
  /** What of that is not to be had here, and why; empty when nothing is missing. */
  readonly missing: readonly string[];
}

export interface SweepReport {
  readonly full: boolean;
  readonly ended_at: string;
  readonly looked: number;
  readonly differences: number;
}
