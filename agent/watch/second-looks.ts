/** Paths that have to be looked at once more: what changed under the reading, or may have; what is large and is read aside. */
import type { Clock } from "../../shared/clock.ts";
import type { Timers } from "../../shared/timers.ts";
import type { BytePath } from "../../shared/watch/paths.ts";
import type { LargeFile } from "./circumstances.ts";
import { type Dirty, type Mark, noFacts } from "./dirty-set.ts";
import type { Stat } from "./look.ts";
import type { Selection } from "./selection.ts";

export interface SecondLooksOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly selection: Selection;
  /** Resolves once the digest of a large file is at hand. */
  readonly prepare: (path: BytePath, stat: Stat) => Promise<void>;
  /** `at`: ms, monotonic. */
  readonly mark: (mark: Mark, at: number) => void;
  /** Told of what nothing can be promised after. */
  readonly failed: (error: unknown) => void;
}

/** ms until a path that changed under the reading is looked at again. */
const againMs = 200;

export class SecondLooks {
  readonly #options: SecondLooksOptions;
  #waiting = 0;

  constructor(options: SecondLooksOptions) {
    this.#options = options;
  }

  /** Paths that will be dirty again soon. */
  get waiting(): number {
    return this.#waiting;
  }

  /** In a moment. */
  again(path: BytePath, heard: Dirty | null): void {
    this.#waiting++;
    this.#options.timers.after(againMs, () => {
      this.#waiting--;
      this.#mark(path, heard, null);
    });
  }

  /** Once the file has been read, beside all other looks. */
  readAside({ path, stat, from }: LargeFile, heardOf: (path: BytePath) => Dirty | null): void {
    this.#waiting++;
    this.#options
      .prepare(path, stat)
      .then(() => {
        this.#waiting--;
        if (from !== null) this.#mark(from, heardOf(from), path);
        this.#mark(path, heardOf(path), from);
      })
      .catch(this.#options.failed);
  }

  /** As dirty as it was: who touched it, and when, is not forgotten over a second look. */
  #mark(path: BytePath, heard: Dirty | null, partner: BytePath | null): void {
    const { clock, selection, mark } = this.#options;
    mark(
      {
        path,
        deep: false,
        isBlind: heard === null,
        facts: heard?.path === path ? heard.facts : noFacts,
        pid: heard?.pid ?? 0,
        isPriority: selection.entryOf(path)?.priority ?? false,
        ...(partner !== null && { partner }),
      },
      heard?.lastAt ?? clock.monotonic(),
    );
  }
}
