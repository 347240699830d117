/** Recognises storms: many changes in a short time. One storm is one burst, told when it is over. Pure. */
import { type BytePath, isWithin, parentOf } from "../../shared/watch/paths.ts";

export interface BurstLimits {
  readonly perSecond: number;
  /** ms without a storm's rate after which it is over. */
  readonly quietMs: number;
  /** ms after which a storm that goes on is told, and the next one begins. */
  readonly mostMs: number;
}

export interface Burst {
  readonly id: string;
  readonly count: number;
  /** The nearest folder that all changes are in. */
  readonly root: BytePath;
  readonly first: BytePath;
  readonly last: BytePath;
  /** ms, of the clock the changes were counted by: monotonic, so that a clock that is set makes no storm. */
  readonly since: number;
  readonly until: number;
}

export class BurstWatch {
  readonly #limits: BurstLimits;
  readonly #newId: () => string;
  #windowAt = 0;
  #inWindow = 0;
  #burst: Burst | null = null;

  constructor(limits: BurstLimits, newId: () => string) {
    this.#limits = limits;
    this.#newId = newId;
  }

  /** Counts changes that are about to be told; the id they are to be marked with, `null` in quiet times. */
  count(paths: readonly BytePath[], now: number): string | null {
    const [first] = paths;
    if (first === undefined) return this.#burst?.id ?? null;
    if (now - this.#windowAt >= 1_000) {
      this.#windowAt = now;
      this.#inWindow = 0;
    }
    this.#inWindow += paths.length;
    const isStorm = this.#inWindow > this.#limits.perSecond;
    if (this.#burst === null && !isStorm) return null;
    const root = paths.reduce(common, this.#burst?.root ?? parentOf(first));
    const last = paths.at(-1) ?? first;
    this.#burst =
      this.#burst === null
        ? { id: this.#newId(), count: paths.length, root, first, last, since: now, until: now }
        : {
            ...this.#burst,
            count: this.#burst.count + paths.length,
            root,
            last,
            until: isStorm ? now : this.#burst.until,
          };
    return this.#burst.id;
  }

  get isOpen(): boolean {
    return this.#burst !== null;
  }

  /** The burst that is over at `now`, once. */
  over(now: number): Burst | null {
    const burst = this.#burst;
    if (burst === null) return null;
    const { quietMs, mostMs } = this.#limits;
    if (now - burst.until < quietMs && now - burst.since < mostMs) return null;
    this.#burst = null;
    return burst;
  }
}

function common(folder: BytePath, path: BytePath): BytePath {
  let at = folder;
  while (!isWithin(path, at)) at = parentOf(at);
  return at;
}
