/** Remembers to which path a folder's handle leads. Bounded: two generations, the older one goes when the newer is full. Pure. */
import type { BytePath } from "../../../shared/watch/paths.ts";

/** `null`: a folder that does not count; knowing that is worth as much. */
export type CachedFolder = BytePath | null;

export class FolderCache {
  readonly #most: number;
  #young = new Map<string, CachedFolder>();
  #old = new Map<string, CachedFolder>();

  constructor(most: number) {
    this.#most = most;
  }

  /** `undefined`: not known. */
  get(key: string): CachedFolder | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, folder: CachedFolder): void {
    this.#young.set(key, folder);
    if (this.#young.size < this.#most / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  /** A folder was moved: what is below it has other paths now. */
  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
