/** Paths that could not be read at the last try: nothing may be concluded about them. Pure. */
import { type BytePath, isWithin, parentOf } from "../../shared/watch/paths.ts";

/** More are not remembered, and not warned of. */
const most = 10_000;

interface Noted {
  readonly code: string;
  /** Number of the last try. */
  readonly at: number;
}

export class UnreadablePaths {
  readonly #noted = new Map<BytePath, Noted>();
  /** How many are within a folder: asked for each folder that anything is heard of. */
  readonly #within = new Map<BytePath, number>();
  readonly #warn: (path: BytePath, code: string) => void;
  #tries = 0;

  /** `warn` is called once for each path and reason. */
  constructor(warn: (path: BytePath, code: string) => void) {
    this.#warn = warn;
  }

  get size(): number {
    return this.#noted.size;
  }

  /** With the reason of each, for instance EACCES. */
  *entries(): IterableIterator<readonly [path: BytePath, code: string]> {
    for (const [path, { code }] of this.#noted) yield [path, code];
  }

  note(path: BytePath, code: string): void {
    const known = this.#noted.get(path);
    if (known === undefined && this.#noted.size >= most) return;
    this.#noted.set(path, { code, at: ++this.#tries });
    if (known === undefined) this.#count(path, 1);
    if (known?.code !== code) this.#warn(path, code);
  }

  /** Whether `path` itself or something below it could not be read. */
  hasWithin(path: BytePath): boolean {
    return this.#within.has(path);
  }

  /** It could be read, or is gone. */
  forget(path: BytePath): void {
    if (this.#noted.delete(path)) this.#count(path, -1);
  }

  /**
   * To be called before everything within `path` is looked at, and its result after it: what has not been noted anew by
   * then could be read. Of paths that `only` does not fit nothing is known.
   */
  lookingWithin(path: BytePath, only: (path: BytePath) => boolean = () => true): () => void {
    const begun = this.#tries;
    return () => {
      if (!this.hasWithin(path)) return;
      for (const [noted, { at }] of this.#noted) {
        if (at <= begun && isWithin(noted, path) && only(noted)) this.forget(noted);
      }
    };
  }

  #count(path: BytePath, more: number): void {
    for (let at = path; ; at = parentOf(at)) {
      const count = (this.#within.get(at) ?? 0) + more;
      if (count === 0) this.#within.delete(at);
      else this.#within.set(at, count);
      if (at === "/") return;
    }
  }
}
