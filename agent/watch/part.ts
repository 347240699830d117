/** The part of what is selected that a pattern means: what it fits, and everything below that. Pure. */
import { compileGlob } from "../../shared/watch/glob.ts";
import { type BytePath, parentOf } from "../../shared/watch/paths.ts";

export interface Part {
  readonly only: (path: BytePath) => boolean;
  /** Whether something in the folder may belong to it. */
  readonly mayEnter: (folder: BytePath) => boolean;
}

/** `null`: everything. Throws WATCH_GLOB. */
export function partOf(pattern: string | null): Part {
  if (pattern === null) return { only: () => true, mayEnter: () => true };
  const glob = compileGlob(pattern);
  const relative = (path: BytePath) => path.slice(1);
  const only = (path: BytePath) => {
    for (let at = path; at !== "/"; at = parentOf(at)) if (glob.matches(relative(at))) return true;
    return false;
  };
  return { only, mayEnter: (folder) => only(folder) || glob.mayMatchBelow(relative(folder)) };
}
