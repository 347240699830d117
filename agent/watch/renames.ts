/**
 * Finds out which of the differences of one look are moves: what went at one path is there at another. A folder that
 * moved is one change, whatever is in it. Pure.
 */

import { type BytePath, isWithin, walkKey } from "../../shared/watch/paths.ts";
import { isSameInode, type Stat } from "./look.ts";
import type { BaselineRecord } from "./record.ts";

/** A path at which lstat(2) says something else than the baseline. One of the two sides is there, or a void record. */
export interface Difference {
  readonly path: BytePath;
  readonly before: BaselineRecord | null;
  readonly after: Stat | null;
}

export interface Move {
  readonly from: BytePath;
  readonly to: BytePath;
  readonly before: BaselineRecord;
  readonly after: Stat;
  /** What the new path held before, when it was replaced. */
  readonly replaced: BaselineRecord | null;
  /** What was in a moved folder, as it was known: it counts as moved, whatever has become of it since. */
  readonly along: readonly Along[];
  /** How many of these are still there. */
  readonly children: number;
}

export interface Along {
  readonly from: BytePath;
  readonly to: BytePath;
  readonly record: BaselineRecord;
}

export interface Sorted {
  readonly moves: readonly Move[];
  /** What differs once all moves are made, in the order of a walk. */
  readonly others: readonly Difference[];
}

/**
 * `differences` in the order of a walk, so that a folder comes before what is in it. After the move of a folder
 * everything is told by its new path: who follows along moves all that was below it, then applies the rest.
 */
export function findMoves(differences: readonly Difference[]): Sorted {
  const moves: Move[] = [];
  let rest = differences;
  for (let found = nextFolderMove(rest); found !== null; found = nextFolderMove(rest)) {
    const { move, others } = applied(rest, found);
    moves.push(move);
    rest = others;
  }
  return withFileMoves(moves, rest);
}

type Gone = Difference & { readonly before: BaselineRecord; readonly after: null };
type Here = Difference & { readonly after: Stat };

function isGone(difference: Difference): difference is Gone {
  return difference.before !== null && difference.after === null && isKnown(difference.before.stat);
}

/** Something is there that was not, or that is another file than before. */
function isArrival(difference: Difference): difference is Here {
  const { before, after } = difference;
  return after !== null && isKnown(after) && (before === null || !isSameInode(before.stat, after));
}

/** The first folder that is there under another path than before. */
function nextFolderMove(
  differences: readonly Difference[],
): { readonly gone: Gone; readonly here: Here } | null {
  const gone = new Map<string, Gone>();
  for (const difference of differences) {
    if (isGone(difference) && difference.before.stat.kind === "directory") {
      gone.set(identity(difference.before.stat), difference);
    }
  }
  if (gone.size === 0) return null;
  for (const difference of differences) {
    if (!isArrival(difference) || difference.after.kind !== "directory") continue;
    const from = gone.get(identity(difference.after));
    if (from !== undefined) return { gone: from, here: difference };
  }
  return null;
}

/** The move, and what differs besides when everything that was below the old path counts as moved. */
function applied(
  differences: readonly Difference[],
  { gone, here }: { readonly gone: Gone; readonly here: Here },
): { readonly move: Move; readonly others: readonly Difference[] } {
  const from = gone.path;
  const to = here.path;
  const moved = new Map<BytePath, BaselineRecord>();
  const along: Along[] = [];
  for (const { path, before, after } of differences) {
    if (before === null || after !== null || path === from || !isWithin(path, from)) continue;
    const target = to + path.slice(from.length);
    moved.set(target, before);
    along.push({ from: path, to: target, record: before });
  }
  const others: Difference[] = [];
  let children = 0;
  for (const difference of differences) {
    const { path, after } = difference;
    if (path === to || (difference.after === null && isWithin(path, from))) continue;
    const record = moved.get(path);
    if (record === undefined) others.push(difference);
    else {
      moved.delete(path);
      if (after !== null) children++;
      if (after === null || !isUntouched(record.stat, after)) others.push({ path, before: record, after });
    }
  }
  // What is not at its new place went on, or went.
  for (const [path, before] of moved) others.push({ path, before, after: null });
  const sorted = moved.size === 0 ? others : inWalkOrder(others);
  const { before } = gone;
  return {
    move: { from, to, before, after: here.after, replaced: here.before, along, children },
    others: sorted,
  };
}

function withFileMoves(moves: Move[], differences: readonly Difference[]): Sorted {
  const gone = new Map<string, Gone[]>();
  for (const difference of differences) {
    if (!isGone(difference)) continue;
    const key = identity(difference.before.stat);
    const list = gone.get(key);
    if (list === undefined) gone.set(key, [difference]);
    else list.push(difference);
  }
  if (gone.size === 0) return { moves, others: differences };
  const used = new Set<BytePath>();
  for (const difference of differences) {
    if (!isArrival(difference)) continue;
    const { path: to, before: replaced, after } = difference;
    const source = gone.get(identity(after))?.find(({ path }) => !used.has(path));
    if (source === undefined || source.before.stat.kind !== after.kind) continue;
    used.add(source.path);
    used.add(to);
    const { path: from, before } = source;
    moves.push({ from, to, before, after, replaced, along: [], children: 0 });
  }
  return { moves, others: differences.filter(({ path }) => !used.has(path)) };
}

function inWalkOrder(differences: readonly Difference[]): readonly Difference[] {
  return differences
    .map((difference) => ({ difference, key: walkKey(difference.path) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ difference }) => difference);
}

/** Without a time of birth an inode number may be that of a file that has long gone. */
function isKnown(stat: Stat): boolean {
  return stat.birthNs !== 0n;
}

function identity(stat: Stat): string {
  return `${stat.ino}:${stat.birthNs}`;
}

function isUntouched(before: Stat, after: Stat): boolean {
  if (!isSameInode(before, after) || before.kind !== after.kind || before.mode !== after.mode) return false;
  if (before.uid !== after.uid || before.gid !== after.gid) return false;
  if (before.kind === "directory") return true;
  return before.size === after.size && before.mtimeNs === after.mtimeNs && before.ctimeNs === after.ctimeNs;
}
