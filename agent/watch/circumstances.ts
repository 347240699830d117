/** What is known of differences besides themselves: how they were come upon, and who touched the paths. Pure. */
import { type BytePath, walkKey } from "../../shared/watch/paths.ts";
import type { Actor, Witness } from "./actor.ts";
import type { DetectedBy, Finding } from "./change.ts";
import type { Dirty } from "./dirty-set.ts";
import type { Difference } from "./renames.ts";

/** How the differences of one look were come upon, and who is known to have touched which path. */
export interface Circumstances {
  readonly finding: (path: BytePath) => Finding;
  readonly actor: (path: BytePath) => Actor;
  /** Digests are taken although nothing else differs. */
  readonly full: boolean;
  /** Other looks may have been told since these differences were found: each is checked once more. */
  readonly recheck: boolean;
  /** A file whose content cannot be read. */
  readonly unreadable: (path: BytePath, code: string) => void;
}

/** Of paths that were looked at since something was heard of them, or of a folder above them (`by`). */
export function heard(
  byPath: ReadonlyMap<BytePath, Dirty>,
  by: DetectedBy,
  now: { readonly wall: number; readonly monotonic: number },
  witness: Witness,
): Circumstances {
  return {
    full: false,
    recheck: false,
    unreadable: () => {},
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
      for (let at = path; at !== "/" && at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
        const dirty = byPath.get(at);
        if (dirty !== undefined && !dirty.isBlind) {
          return witness.actor({ pid: dirty.pid, path, heardAt: dirty.lastAt });
        }
      }
      return { unknown: "no event told of it" };
    },
  };
}

/** Of paths that were looked at although nothing was heard of them. `at`: ms since the epoch. */
export function unheard(
  by: DetectedBy,
  at: number,
  how: Omit<Circumstances, "finding" | "actor"> & { readonly offline: Finding["offline"] },
): Circumstances {
  const { offline, ...rest } = how;
  const unknown = offline === null ? "no event told of it" : "it happened while nobody watched";
  return { ...rest, finding: () => ({ by, at, heardAt: null, offline }), actor: () => ({ unknown }) };
}

/** In the order of a walk, each path once. */
export function inOrder(differences: readonly Difference[]): readonly Difference[] {
  return differences
    .map((difference) => ({ difference, key: walkKey(difference.path) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .filter(({ key }, at, all) => key !== all[at - 1]?.key)
    .map(({ difference }) => difference);
}
