/** Which inotify watch stands for which folder. One folder may be reached by one path only: the last one seen. Pure. */
import { type BytePath, isWithin } from "../../../shared/watch/paths.ts";

export class WatchTable {
  readonly #byWatch = new Map<number, BytePath>();
  readonly #byPath = new Map<BytePath, number>();
  /** Taken out by us: the kernel's last word on them, and events before it, are still to come. */
  readonly #leaving = new Set<number>();

  get size(): number {
    return this.#byWatch.size;
  }

  set(watch: number, path: BytePath): void {
    this.#leaving.delete(watch);
    const before = this.#byWatch.get(watch);
    if (before !== undefined) this.#byPath.delete(before);
    this.#byWatch.set(watch, path);
    this.#byPath.set(path, watch);
  }

  pathOf(watch: number): BytePath | undefined {
    return this.#byWatch.get(watch);
  }

  has(path: BytePath): boolean {
    return this.#byPath.has(path);
  }

  /** Whether events of the watch may still come although it stands for no folder any more. */
  isLeaving(watch: number): boolean {
    return this.#leaving.has(watch);
  }

  forget(watch: number): void {
    this.#leaving.delete(watch);
    const path = this.#byWatch.get(watch);
    this.#byWatch.delete(watch);
    // Another folder may have taken the path already.
    if (path !== undefined && this.#byPath.get(path) === watch) this.#byPath.delete(path);
  }

  /** A folder has another path now, and all below it. */
  move(from: BytePath, to: BytePath): void {
    for (const [watch, path] of this.#within(from)) this.set(watch, to + path.slice(from.length));
  }

  /** Watches of a folder and all below it, which are forgotten. */
  takeWithin(folder: BytePath): readonly number[] {
    const found = this.#within(folder).map(([watch]) => watch);
    for (const watch of found) {
      this.forget(watch);
      this.#leaving.add(watch);
    }
    return found;
  }

  #within(folder: BytePath): readonly (readonly [number, BytePath])[] {
    return [...this.#byWatch].filter(([, path]) => isWithin(path, folder));
  }
}
