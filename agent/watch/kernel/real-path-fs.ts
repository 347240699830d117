/** Where a path is when the symbolic links on the way to it are followed; the last name is taken as it is. */
import { realpathSync } from "node:fs";
import {
  type BytePath,
  isWithin,
  joinPath,
  nameOf,
  parentOf,
  pathBuffer,
} from "../../../shared/watch/paths.ts";

/**
 * Every way to a folder below watched paths: as it was given, where it really is, and through the links on the way to a
 * watched path.
 */
export function everyWay(folder: BytePath, roots: readonly BytePath[]): readonly BytePath[] {
  const below = realPath(joinPath(folder, "-"));
  const real = parentOf(below);
  const ways = roots.flatMap((root) => {
    const at = realPath(root);
    return isWithin(real, at) ? [root + real.slice(at === "/" ? 0 : at.length)] : [];
  });
  return [...new Set([folder, real, ...ways])];
}

/** What is not there, or cannot be followed, keeps its name below the nearest folder that can. Never throws. */
export function realPath(path: BytePath): BytePath {
  if (path === "/") return path;
  let rest = nameOf(path);
  for (let folder = parentOf(path); ; folder = parentOf(folder)) {
    try {
      return joinPath(realpathSync.native(pathBuffer(folder), "latin1"), rest);
    } catch {
      // Missing, a circle of links, or out of reach: its own folder may do.
      if (folder === "/") return path;
      rest = joinPath(nameOf(folder), rest);
    }
  }
}
