/** Lays a part of the tree beside the baseline and hands out what differs. */

import { type BytePath, isWithin } from "../../shared/watch/paths.ts";
import type { BaselineRow, BaselineStore } from "./baseline-store.ts";
import { isSameInode } from "./look.ts";
import { lookStat } from "./look-fs.ts";
import { mergeJoin } from "./merge-join.ts";
import { decodeRecord, encodeStat, isSameLook, isSameStat, statBytes } from "./record.ts";
import type { Difference } from "./renames.ts";
import type { Selection } from "./selection.ts";
import { Walk, type Walked, type WalkOptions } from "./walk-fs.ts";

export interface GatherParts {
  readonly baseline: BaselineStore;
  readonly selection: Selection;
  /** A path that cannot be listed or looked at. */
  readonly unreadable: (path: BytePath, code: string) => void;
}

/** What is to be done about a path that is no longer selected: its record goes, and nothing is told. */
export interface Gathered {
  readonly differences: readonly Difference[];
  readonly unselected: readonly BytePath[];
}

export interface JoinOptions {
  readonly path: BytePath;
  /** Files count as different whatever lstat(2) says, so that their digests are taken. */
  readonly full: boolean;
  readonly pace?: WalkOptions["pace"];
  /** Called with differences in the order of a walk, and waited for. */
  readonly found: (gathered: Gathered) => Promise<void>;
  /** Differences handed out at once; a move is recognised within one batch. */
  readonly batch: number;
}

/** Looks at one path without what is below it. `deep`: a folder came, went or was replaced: join it. */
export function gatherOne(
  path: BytePath,
  parts: GatherParts,
): Difference | "same" | "deep" | "nothing" | "unreadable" {
  const { baseline, selection, unreadable } = parts;
  const before = baseline.get(path);
  const outcome = lookStat(path);
  if ("error" in outcome) {
    unreadable(path, outcome.error);
    return "unreadable";
  }
  const after = outcome.found;
  const wasFolder = before?.stat.kind === "directory";
  const isFolder = after?.kind === "directory";
  if (wasFolder || isFolder) {
    if (!wasFolder || !isFolder || !isSameInode(before.stat, after)) return "deep";
  }
  if (before === null && after === null) return "nothing";
  if (selection.entryOf(path) === null) return "nothing";
  if (before !== null && after !== null && isSameLook(before.stat, after)) return "same";
  return { path, before, after };
}

const scratch = Buffer.alloc(statBytes);

/** Looks at a path and everything below it. */
export async function gatherDeep(parts: GatherParts, options: JoinOptions): Promise<void> {
  const { baseline, selection } = parts;
  const { path, full, pace, found, batch } = options;
  const blind: BytePath[] = [];
  const right = baseline.within(path);
  const left = new Walk(path, {
    mayEnter: (folder) => selection.mayEnter(folder),
    unreadable: (at, code) => {
      blind.push(at);
      parts.unreadable(at, code);
    },
    ...(pace !== undefined && { pace }),
  });
  try {
    await mergeJoin<Walked, BaselineRow>({
      left,
      right,
      batch,
      isSame: (walked, row) =>
        isSameStat(row.bytes, encodeStat(walked.stat, scratch)) && !(full && walked.stat.kind === "file"),
      unlike: async (pairs) => {
        const differences: Difference[] = [];
        const unselected: BytePath[] = [];
        for (const { left: walked, right: row } of pairs) {
          const at = walked?.path ?? row?.path ?? path;
          if (selection.entryOf(at) === null) {
            // A folder that only leads to what is watched has no record; one with a record was selected once.
            if (row !== null) unselected.push(at);
          } else if (walked !== null || !blind.some((folder) => isWithin(at, folder))) {
            const before = row === null ? null : decodeRecord(row.bytes);
            differences.push({ path: at, before, after: walked?.stat ?? null });
          }
        }
        await found({ differences, unselected });
      },
    });
  } finally {
    await right.close();
  }
}
