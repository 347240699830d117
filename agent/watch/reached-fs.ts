/**
 * Looks at selected paths by the way that a walk takes: never through a symbolic link below a watched path. What such a
 * link leads to is somewhere else, whatever lstat(2) finds there.
 */
import { type BytePath, parentOf } from "../../shared/watch/paths.ts";
import { lookAlong, type StatOutcome } from "./look-fs.ts";
import type { Selection } from "./selection.ts";

/** For a row of looks that follow each other at once: folders on the way are looked at once. */
export function lookerWithin(selection: Selection): (path: BytePath) => StatOutcome {
  const reached = new Map<BytePath, boolean>();
  const isReached = (folder: BytePath): boolean => {
    const known = reached.get(folder);
    if (known !== undefined) return known;
    const isOpen = isFolderOrUnknown(lookAlong(folder, selection.isFollowed(folder)));
    const answer = isOpen && (selection.isRoot(folder) || isReached(parentOf(folder)));
    reached.set(folder, answer);
    return answer;
  };
  return (path) => {
    // The way to a watched path itself may lead through links.
    if (!selection.isRoot(path) && !selection.isAbove(path) && !isReached(parentOf(path)))
      return { found: null };
    return lookAlong(path, selection.isFollowed(path));
  };
}

/** What cannot be told of the folder is told of what is in it. */
function isFolderOrUnknown(outcome: StatOutcome): boolean {
  return "error" in outcome || outcome.found === null || outcome.found.kind === "directory";
}
