/** Work that brings something up to date: one round at a time, once more when it was asked for meanwhile. */
import { type Backoff, backoffMs } from "./backoff.ts";
import type { Timers } from "./timers.ts";

export interface RoundsOptions {
  /** One round: looks at how things are, and does what is to be done about it. */
  readonly work: () => Promise<void>;
  /** Told of each round that failed; another follows after `retryMs`, or when it is asked for. */
  readonly failed: (error: unknown, retryMs: number) => void;
  readonly timers: Timers;
  /** Evenly spread in [0, 1). */
  readonly jitter: () => number;
  readonly backoff?: Backoff;
}

const defaultBackoff: Backoff = { firstMs: 500, mostMs: 30_000 };

export class Rounds {
  readonly #options: RoundsOptions;
  #isStale = false;
  #running: Promise<void> | null = null;
  #isStopped = false;
  #failures = 0;
  #cancelRetry = () => {};

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Resolves when a round that began after this call has ended, well or not. Never rejects. */
  ask(): Promise<void> {
    this.#isStale = true;
    this.#cancelRetry();
    if (!this.#isStopped) this.#running ??= this.#run();
    return this.settled();
  }

  /** Resolves when no round is under way. */
  settled(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** No round begins after this call; resolves when the one under way has ended. */
  stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelRetry();
    return this.settled();
  }

  async #run(): Promise<void> {
    while (this.#isStale && !this.#isStopped) {
      this.#isStale = false;
      try {
        await this.#options.work();
        this.#failures = 0;
      } catch (error) {
        this.#retry(error);
      }
    }
    // In the same turn as the last look at `#isStale`: who asks from now on must find that nothing runs.
    this.#running = null;
  }

  #retry(error: unknown): void {
    const { timers, jitter, failed, backoff = defaultBackoff } = this.#options;
    const retryMs = Math.round(backoffMs(backoff, this.#failures++, jitter()));
    failed(error, retryMs);
    this.#cancelRetry();
    if (!this.#isStopped) this.#cancelRetry = timers.after(retryMs, () => void this.ask());
  }
}
