/** Which paths count, and by which entry of the configuration. Pure; asked for every path that is seen. */
import { type BytePath, isWithin, parentOf } from "../../shared/watch/paths.ts";
import type { WatchedPath } from "../../shared/watch/settings.ts";

export class Selection {
  readonly #byPath: ReadonlyMap<BytePath, WatchedPath>;
  /** Watched paths that are below no other: where walks begin. Sorted. */
  readonly roots: readonly BytePath[];
  /** Never watched whatever the entries say: what the agent itself writes. */
  readonly #own: readonly BytePath[];
  /** What was found last. */
  #last: { readonly folder: BytePath; readonly entry: WatchedPath | null } = { folder: "", entry: null };

  constructor(paths: readonly WatchedPath[], own: readonly BytePath[] = []) {
    this.#byPath = new Map(paths.map((entry) => [entry.path, entry]));
    this.#own = own;
    this.roots = paths
      .map(({ path }) => path)
      .filter((path) => !paths.some((other) => other.path !== path && isWithin(path, other.path)))
      .sort();
  }

  /** Whether what a link at this path leads to is watched in its place: of paths that are configured to be followed. */
  isFollowed(path: BytePath): boolean {
    return this.#byPath.get(path)?.symlinks === "follow";
  }

  /** Whether it is watched by its own name, however it is reached. */
  isRoot(path: BytePath): boolean {
    return this.roots.includes(path) || this.isFollowed(path);
  }

  /** Whether it only leads to what is watched. */
  isAbove(path: BytePath): boolean {
    return this.#nearest(path) === null;
  }

  /** What has to be observed: the roots, and followed paths below them, which may lead out of them. */
  get observed(): readonly BytePath[] {
    const followed = [...this.#byPath.keys()].filter((path) => this.isFollowed(path));
    return [...new Set([...this.roots, ...followed])].sort();
  }

  /** The entry that a path belongs to, the nearest above it; `null` when it does not count. */
  entryOf(path: BytePath): WatchedPath | null {
    if (this.#isOwn(path)) return null;
    const entry = this.#nearest(path);
    if (entry === null || path === entry.path) return entry;
    const relative = relativeTo(path, entry.path);
    if (Number.isFinite(entry.depth) && depthOf(relative) > entry.depth) return null;
    if (isExcluded(relative, entry)) return null;
    return entry.include.length === 0 || entry.include.some((glob) => glob.matches(relative)) ? entry : null;
  }

  /** The entry of something watched below a folder that is not watched itself. */
  below(folder: BytePath): WatchedPath | null {
    for (const entry of this.#byPath.values()) if (isWithin(entry.path, folder)) return entry;
    return this.#nearest(folder);
  }

  /** Whether a folder's content has to be listed and watched: it, or something below it, may count. */
  mayEnter(folder: BytePath): boolean {
    if (this.#isOwn(folder)) return false;
    const entry = this.#nearest(folder);
    if (entry !== null) {
      const relative = relativeTo(folder, entry.path);
      const isOpen =
        depthOf(relative) < entry.depth &&
        (relative === "" || !isExcluded(relative, entry)) &&
        (entry.include.length === 0 ||
          entry.include.some(
            (glob) => (relative !== "" && glob.matches(relative)) || glob.mayMatchBelow(relative),
          ));
      if (isOpen) return true;
    }
    return [...this.#byPath.keys()].some((path) => path !== folder && isWithin(path, folder));
  }

  #nearest(path: BytePath): WatchedPath | null {
    const own = this.#byPath.get(path);
    if (own !== undefined) return own;
    const folder = parentOf(path);
    // Paths are asked for one after the other, in the order of a walk.
    if (folder !== this.#last.folder) this.#last = { folder, entry: this.#nearestAbove(folder) };
    return this.#last.entry;
  }

  #nearestAbove(folder: BytePath): WatchedPath | null {
    for (let at = folder; ; at = parentOf(at)) {
      const entry = this.#byPath.get(at);
      if (entry !== undefined) return entry;
      if (at === "/") return null;
    }
  }

  #isOwn(path: BytePath): boolean {
    return this.#own.some((folder) => isWithin(path, folder));
  }
}

function relativeTo(path: BytePath, folder: BytePath): BytePath {
  if (path === folder) return "";
  return path.slice(folder === "/" ? 1 : folder.length + 1);
}

function depthOf(relative: BytePath): number {
  return relative === "" ? 0 : relative.split("/").length;
}

/** An excluded folder takes along all that is in it. */
function isExcluded(relative: BytePath, { exclude }: WatchedPath): boolean {
  if (exclude.length === 0) return false;
  const parts = relative.split("/");
  for (let length = 1; length <= parts.length; length++) {
    const above = parts.slice(0, length).join("/");
    if (exclude.some((glob) => glob.matches(above))) return true;
  }
  return false;
}
