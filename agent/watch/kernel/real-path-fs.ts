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
import { type Alias, transferred } from "./aliases.ts";

/** Where a path leads in the end, if it is a link itself, too. Never throws. */
export function endOf(path: BytePath): BytePath {
  return parentOf(realPath(joinPath(path, "-")));
}

/** Where each of them really is. */
export function aliasesOf(
  roots: readonly BytePath[],
  isFollowed: (root: BytePath) => boolean,
): readonly Alias[] {
  return roots.map((root) => ({ root, real: isFollowed(root) ? endOf(root) : realPath(root) }));
}

/**
 * Every way to a folder below watched paths: as it was given, where it really is, and through the links on the way to a
 * watched path.
 */
export function everyWay(folder: BytePath, aliases: readonly Alias[]): readonly BytePath[] {
  const real = endOf(folder);
  const ways = aliases.flatMap(({ root, real: at }) =>
    isWithin(real, at) ? [transferred(real, at, root)] : [],
  );
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
