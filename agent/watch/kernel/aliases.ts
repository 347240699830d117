/**
 * Watched paths and where they really are: the kernel tells of changes by real paths, also of what was configured by a way
 * through symbolic links. Pure.
 */
import { type BytePath, isWithin } from "../../../shared/watch/paths.ts";
import type { Hint, ObservedTree, ObserverListener } from "../observer.ts";

export interface Alias {
  /** As configured. */
  readonly root: BytePath;
  /** Without symbolic links on the way to it. */
  readonly real: BytePath;
}

/** What is at `path` within `from`, as a path within `to`. */
export function transferred(path: BytePath, from: BytePath, to: BytePath): BytePath {
  const below = path === from ? "" : path.slice(from === "/" ? 0 : from.length);
  if (below === "") return to;
  return to === "/" ? below : to + below;
}

/** The tree as the kernel sees it. */
export class AliasedTree implements ObservedTree {
  readonly roots: readonly BytePath[];
  readonly #tree: ObservedTree;
  readonly #aliases: readonly Alias[];
  readonly #isPlain: boolean;

  constructor(tree: ObservedTree, aliases: readonly Alias[]) {
    this.#tree = tree;
    this.#aliases = aliases;
    this.roots = [...new Set(aliases.map(({ real }) => real))];
    this.#isPlain = aliases.every(({ root, real }) => root === real);
  }

  /** Links have been followed already. */
  isFollowed(): boolean {
    return false;
  }

  mayEnter(folder: BytePath): boolean {
    return this.#isPlain
      ? this.#tree.mayEnter(folder)
      : this.shownOf(folder).some((path) => this.#tree.mayEnter(path));
  }

  /**
   * Every path by which something is watched. Of a folder above watched paths: itself, and those of them that are below
   * it by their real paths only.
   */
  shownOf(real: BytePath): readonly BytePath[] {
    if (this.#isPlain) return [real];
    const shown = new Set<BytePath>();
    for (const { root, real: at } of this.#aliases) {
      if (isWithin(real, at)) shown.add(transferred(real, at, root));
      else if (isWithin(at, real)) shown.add(isWithin(root, real) ? real : root);
    }
    return [...shown];
  }

  /** Hears by real paths and tells by the configured ones. */
  listener(told: ObserverListener): ObserverListener {
    if (this.#isPlain) return told;
    return {
      hints: (batch) => {
        const hints = batch.flatMap((hint) => this.#shownHints(hint));
        if (hints.length > 0) told.hints(hints);
      },
      blind: (cause, path, detail) => {
        for (const shown of this.shownOf(path)) told.blind(cause, shown, detail);
      },
    };
  }

  #shownHints(hint: Hint): readonly Hint[] {
    const partners = hint.partner === undefined ? [] : this.shownOf(hint.partner);
    const { partner: _, ...rest } = hint;
    return this.shownOf(hint.path).map((path, at) => {
      const partner = partners[at] ?? partners[0];
      return { ...rest, path, ...(partner !== undefined && { partner }) };
    });
  }
}

/** Whether two lists say the same. */
export function isSameWay(a: readonly Alias[], b: readonly Alias[]): boolean {
  return a.length === b.length && a.every(({ real }, at) => real === b[at]?.real);
}
