/** What is known of differences besides themselves: how they were come upon, and who touched the paths. Pure. */
import { type BytePath, walkKey } from "../../shared/watch/paths.ts";
import type { Actor, Witness } from "./actor.ts";
import type { DetectedBy, Finding } from "./change.ts";
import { type Dirty, unreadPid } from "./dirty-set.ts";
import type { Stat } from "./look.ts";
import type { Difference } from "./renames.ts";

/** How the differences of one look were come upon, and who is known to have touched which path. */
export interface Circumstances {
  readonly finding: (path: BytePath) => Finding;
  readonly actor: (path: BytePath) => Actor;
  /** Digests are taken although nothing else differs. */
  readonly full: boolean;
  /** What was heard of the path, or of the nearest folder above it that anything was heard of. */
  readonly heardOf: (path: BytePath) => Dirty | null;
  /**
   * Takes a large file whose digest is missing, with the paths that have to be looked at again once it is known.
   * `null`: it is read within the look.
   */
  readonly later: ((large: LargeFile) => void) | null;
  /** Other looks may have been told since these differences were found: each is checked once more. */
  readonly recheck: boolean;
  /** A file whose content cannot be read. */
  readonly unreadable: (path: BytePath, code: string) => void;
}

/** A file that takes so long to read that nothing may wait for it. */
export interface LargeFile {
  readonly path: BytePath;
  readonly stat: Stat;
  /** What it moved from. */
  readonly from: BytePath | null;
}

/**
 * Who touched a path, by what was heard of it itself. What was heard of a folder above says it only where that folder
 * came, moved or went with all that is in it: whoever made a folder need not have made what is found in it.
 */
export function heardOfPath(
  path: BytePath,
  isGone: boolean,
  get: (path: BytePath) => Dirty | undefined,
): Dirty | null {
  for (let at = path; at !== "/" && at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const dirty = get(at);
    if (dirty === undefined || dirty.isBlind) continue;
    const isAlong = at === path || dirty.deep || (isGone && dirty.facts.deleted);
    return isAlong || dirty.pid <= 0 ? dirty : { ...dirty, pid: unreadPid };
  }
  return null;
}

const unreadEvent = "its own event was not read: whoever made or changed its folder need not have done this";

/**
 * Of paths that were looked at since something was heard of them, or of a folder above them (`by`). What is not due yet
 * (`pending`) may be found by the look at its folder, and somebody else may have made it. `gone`: what is not there.
 */
export function heard(
  byPath: ReadonlyMap<BytePath, Dirty>,
  pending: Pick<ReadonlyMap<BytePath, Dirty>, "get">,
  gone: ReadonlySet<BytePath>,
  by: DetectedBy,
  now: { readonly wall: number; readonly monotonic: number },
  witness: Witness,
  later: NonNullable<Circumstances["later"]>,
): Circumstances {
  const heardOf = (path: BytePath) =>
    heardOfPath(path, gone.has(path), (at) => byPath.get(at) ?? pending.get(at));
  return {
    full: false,
    recheck: false,
    unreadable: () => {},
    later,
    heardOf,
    finding: (path) => {
      const dirty = byPath.get(path);
      const heardAt = dirty === undefined ? null : now.wall - (now.monotonic - dirty.lastAt);
      return {
        by: dirty === undefined || dirty.isBlind ? by : "event",
        at: now.wall,
        heardAt,
        offline: null,
      };
    },
    actor: (path) => {
      const dirty = heardOf(path);
      if (dirty === null) return { unknown: "no event told of it" };
      const { pid, lastAt: heardAt } = dirty;
      if (pid !== unreadPid) return witness.actor({ pid, path, heardAt });
      // Audit knows by the path.
      const known = witness.actor({ pid: 0, path, heardAt });
      return known.unknown === undefined ? known : { ...known, unknown: unreadEvent };
    },
  };
}

/** Of paths that were looked at although nothing was heard of them. `at`: ms since the epoch. */
export function unheard(
  by: DetectedBy,
  at: number,
  how: Omit<Circumstances, "finding" | "actor" | "heardOf"> & { readonly offline: Finding["offline"] },
): Circumstances {
  const { offline, ...rest } = how;
  const unknown = offline === null ? "no event told of it" : "it happened while nobody watched";
  return {
    ...rest,
    heardOf: () => null,
    finding: () => ({ by, at, heardAt: null, offline }),
    actor: () => ({ unknown }),
  };
}

/** What is to be looked at again because of a large file: what differs is found by that look. */
export function unread({ path, from }: LargeFile): readonly Difference[] {
  return [from, path].flatMap((at) => (at === null ? [] : [{ path: at, before: null, after: null }]));
}

/** In the order of a walk, each path once. */
export function inOrder(differences: readonly Difference[]): readonly Difference[] {
  return differences
    .map((difference) => ({ difference, key: walkKey(difference.path) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .filter(({ key }, at, all) => key !== all[at - 1]?.key)
    .map(({ difference }) => difference);
}
