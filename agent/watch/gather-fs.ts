/** Lays a part of the tree beside the baseline and hands out what differs. */

import { type BytePath, isWithin } from "../../shared/watch/paths.ts";
import type { BaselineRow, BaselineStore } from "./baseline-store.ts";
import { isSameInode, readsBehind } from "./look.ts";
import type { StatOutcome } from "./look-fs.ts";
import { mergeJoin } from "./merge-join.ts";
import { isSameLook, isSameStat } from "./record.ts";
import type { Difference } from "./renames.ts";
import type { Selection } from "./selection.ts";
import type { UnreadablePaths } from "./unreadable.ts";
import { Walk, type Walked, type WalkOptions } from "./walk-fs.ts";

export interface GatherParts {
  readonly baseline: BaselineStore;
  readonly selection: Selection;
  /** See `lookerWithin`. */
  readonly look: (path: BytePath) => StatOutcome;
  /** Paths that cannot be listed or looked at. */
  readonly unreadable: UnreadablePaths;
}

/** What is to be done about a path that is no longer selected: its record goes, and nothing is told. */
export interface Gathered {
  readonly differences: readonly Difference[];
  readonly unselected: readonly BytePath[];
}

/** The part of what is selected that is looked at, and who hears how far that is. */
export interface Scope {
  /** Nothing is said of a path that it does not fit. */
  readonly only: (path: BytePath) => boolean;
  /** Whether a folder has to be entered for something in it. */
  readonly mayEnter: (folder: BytePath) => boolean;
  /** Called for each path that is there and was looked at. */
  readonly looked: () => void;
  readonly unreadable: (path: BytePath, code: string) => void;
  /** Called with the number of changes that were told. */
  readonly told: (count: number) => void;
}

export interface JoinOptions {
  readonly path: BytePath;
  /** Files count as different whatever lstat(2) says, so that their digests are taken. */
  readonly full: boolean;
  readonly pace?: WalkOptions["pace"];
  /** Files that somebody else looks at: nothing is known of them, and nothing of what is here. */
  readonly takesFile?: WalkOptions["takesFile"];
  readonly scope?: Scope;
  /** Called with differences in the order of a walk, and waited for. */
  readonly found: (gathered: Gathered) => Promise<void>;
  /** Differences handed out at once; a move is recognised within one batch. */
  readonly batch: number;
  /** The same behind the last record: there nothing can have moved from. */
  readonly newBatch?: number;
}

/** Looks at one path without what is below it. `deep`: a folder came, went or was replaced: join it. */
export function gatherOne(
  path: BytePath,
  parts: GatherParts,
): Difference | "same" | "deep" | "nothing" | "unreadable" {
  const { baseline, selection, look, unreadable } = parts;
  const before = baseline.get(path);
  const outcome = look(path);
  if ("error" in outcome) {
    unreadable.note(path, outcome.error);
    return "unreadable";
  }
  const after = outcome.found;
  const wasFolder = before?.stat.kind === "directory";
  const isFolder = after?.kind === "directory";
  if (wasFolder || isFolder) {
    if (!wasFolder || !isFolder || !isSameInode(before.stat, after)) return "deep";
    // Its mode is another perhaps: what changed in it meanwhile was not seen.
    if (unreadable.size > 0 && unreadable.hasWithin(path)) return "deep";
  } else unreadable.forget(path);
  if (before === null && after === null) return baseline.isVoid(path) ? { path, before, after } : "nothing";
  if (selection.entryOf(path) === null) return "nothing";
  if (before !== null && after !== null && isSameLook(before, after)) return "same";
  return { path, before, after };
}

/** Looks at a path and everything below it. */
export async function gatherDeep(parts: GatherParts, options: JoinOptions): Promise<void> {
  const { baseline, selection } = parts;
  const { path, full, pace, takesFile, scope, found, batch, newBatch = batch } = options;
  const only = scope?.only ?? (() => true);
  const looked = scope?.looked ?? (() => {});
  const blind: BytePath[] = [];
  const right = baseline.within(path);
  const left = new Walk(path, {
    isFollowed: (at) => selection.isFollowed(at),
    mayEnter: (folder) => selection.mayEnter(folder) && (scope?.mayEnter(folder) ?? true),
    unreadable: (at, code) => {
      blind.push(at);
      parts.unreadable.note(at, code);
      if (only(at)) scope?.unreadable(at, code);
    },
    ...(pace !== undefined && { pace }),
    ...(takesFile !== undefined && { takesFile }),
  });
  const forgetReadable = parts.unreadable.lookingWithin(path, only);
  try {
    await mergeJoin<Walked, BaselineRow>({
      left,
      right,
      batch,
      newBatch,
      isSame: (walked, row) => {
        if (!only(walked.path)) return true;
        looked();
        const isRead =
          (full && walked.stat.kind === "file") || readsBehind(walked.stat, selection.entryOf(walked.path));
        return !isRead && isSameStat(row.bytes, walked.stat);
      },
      unlike: async (pairs) => {
        const differences: Difference[] = [];
        const unselected: BytePath[] = [];
        for (const { left: walked, right: row } of pairs) {
          const at = walked?.path ?? row?.path ?? path;
          if (!only(at)) continue;
          if (selection.entryOf(at) === null) {
            // A folder that only leads to what is watched has no record; one with a record was selected once.
            if (row !== null) unselected.push(at);
          } else if (walked !== null || !blind.some((folder) => isWithin(at, folder))) {
            if (row === null) looked();
            const before = row === null ? null : baseline.recordOf(row);
            differences.push({ path: at, before, after: walked?.stat ?? null });
          }
        }
        await found({ differences, unselected });
      },
    });
    forgetReadable();
  } finally {
    await right.close();
  }
}
