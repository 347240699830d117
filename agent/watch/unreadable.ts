/** Paths that could not be read at the last try: nothing may be concluded about them. Pure. */
import type { BytePath } from "../../shared/watch/paths.ts";

/** More are not remembered, and not warned of. */
const most = 10_000;

export class UnreadablePaths {
  readonly #codes = new Map<BytePath, string>();
  readonly #warn: (path: BytePath, code: string) => void;

  /** `warn` is called once for each path and reason. */
  constructor(warn: (path: BytePath, code: string) => void) {
    this.#warn = warn;
  }

  get size(): number {
    return this.#codes.size;
  }

  /** With the reason of each, for instance EACCES. */
  get all(): ReadonlyMap<BytePath, string> {
    return this.#codes;
  }

  note(path: BytePath, code: string): void {
    if (this.#codes.get(path) === code || this.#codes.size >= most) return;
    this.#codes.set(path, code);
    this.#warn(path, code);
  }
}
