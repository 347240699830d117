/** Takes the parts of a process down in the reverse order of their making, also after a start that failed half-way. */
import type { Logger } from "./log.ts";
import type { Timers } from "./timers.ts";

interface Step {
  readonly name: string;
  readonly limitMs: number;
  readonly stop: () => Promise<void> | void;
}

export interface TeardownOptions {
  readonly timers: Timers;
  readonly log: Logger;
}

/** Long enough for a slow disk; a part that takes longer is left behind and named in the log. */
const defaultLimitMs = 8_000;

export class Teardown {
  readonly #options: TeardownOptions;
  readonly #steps: Step[] = [];
  #running: Promise<boolean> | null = null;

  constructor(options: TeardownOptions) {
    this.#options = options;
  }

  /** To be called the moment the part exists. */
  add(name: string, stop: () => Promise<void> | void, limitMs = defaultLimitMs): void {
    this.#steps.push({ name, limitMs, stop });
  }

  /**
   * Stops every part, the last made first; one that fails does not hinder the others. Resolves to false when one
   * failed; asked for again, to the same.
   */
  run(): Promise<boolean> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<boolean> {
    let isClean = true;
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await this.#limited(step);
      } catch (error) {
        isClean = false;
        this.#options.log.error("a part could not be stopped cleanly", { part: step.name, error });
      }
    }
    return isClean;
  }

  async #limited({ name, limitMs, stop }: Step): Promise<void> {
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.#options.timers.after(limitMs, () =>
        reject(new Error(`${name} took longer than ${limitMs} ms`)),
      );
    });
    try {
      await Promise.race([stop(), late]);
    } finally {
      cancel();
    }
  }
}
