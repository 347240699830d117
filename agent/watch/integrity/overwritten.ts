/** Wrong records that were written over before a check came to them: some by name, all by number. Pure. */
import type { BytePath } from "../../../shared/watch/paths.ts";

/** Paths that are named, of each check, at the most. */
export const mostNamed = 100;

export class Overwritten {
  #names = new Set<BytePath>();
  #count = 0;
  /** While a check is under way: it sees these as they were, so that they count twice. */
  #meanwhile: Overwritten | null = null;

  get names(): readonly BytePath[] {
    return [...this.#names];
  }

  get count(): number {
    return this.#count;
  }

  add(path: BytePath): void {
    if (this.#meanwhile !== null) {
      this.#meanwhile.add(path);
      return;
    }
    this.#count++;
    if (this.#names.size < mostNamed) this.#names.add(path);
  }

  /** A check begins, of records as they are at the call. */
  begin(): void {
    this.#meanwhile = new Overwritten();
  }

  /** What the check has found is on disk: `false` when it was given up, and the next one has to know. */
  end(isDone: boolean): void {
    const meanwhile = this.#meanwhile;
    this.#meanwhile = null;
    if (isDone) {
      this.#names = new Set();
      this.#count = 0;
    } else if (meanwhile !== null) {
      for (const name of meanwhile.#names) this.add(name);
      this.#count += meanwhile.#count - meanwhile.#names.size;
    }
  }
}
