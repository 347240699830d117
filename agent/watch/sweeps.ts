/** Looks at everything slowly, again and again: what no event tells is found by that. */
import type { Clock } from "../../shared/clock.ts";
import type { Timers } from "../../shared/timers.ts";
import type { SensorLogger } from "../sensors/sensor.ts";

export interface SweepsOptions {
  /** Seconds in which everything is looked at once; 0: never. */
  readonly everySeconds: number;
  /** Seconds after which digests are taken, too; 0: never. */
  readonly fullEverySeconds: number;
  readonly engine: {
    sweep(full: boolean, pace: (paths: number) => Promise<void>): Promise<number>;
  };
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: SensorLogger;
}

/** Paths a second at the least, so that a small tree does not take the hour that a large one may. */
const leastPerSecond = 200;

export class Sweeps {
  readonly #options: SweepsOptions;
  /** Paths of the last sweep: the next one spreads as many over its time. */
  #paths = 0;
  #fullAt: number;
  #stop: () => void = () => {};
  #isStopped = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: SweepsOptions) {
    this.#options = options;
    this.#fullAt = options.clock.monotonic();
  }

  start(): void {
    const { everySeconds, timers } = this.#options;
    if (everySeconds === 0 || this.#isStopped) return;
    this.#stop = timers.after(everySeconds * 1_000, () => {
      this.#running = this.#sweep().finally(() => this.start());
    });
  }

  /** Now, at full speed. How many changes were found. */
  async now(full: boolean): Promise<number> {
    return this.#options.engine.sweep(full, async () => {
      await this.#pause(0);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stop();
    await this.#running;
  }

  async #sweep(): Promise<void> {
    const { engine, clock, log, everySeconds, fullEverySeconds } = this.#options;
    const now = clock.monotonic();
    const isFull = fullEverySeconds > 0 && now - this.#fullAt >= fullEverySeconds * 1_000;
    if (isFull) this.#fullAt = now;
    let paths = 0;
    // Half of the time: the rest is for what takes longer than thought.
    const perSecond = Math.max(leastPerSecond, this.#paths / (everySeconds / 2));
    try {
      const found = await engine.sweep(isFull, async (count) => {
        paths += count;
        await this.#pause((count / perSecond) * 1_000);
      });
      this.#paths = paths;
      if (found > 0) log.info(`a sweep over ${paths} paths found ${found} changes that no event had told`);
    } catch (error) {
      log.error(`a sweep ended early: ${String(error)}`);
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#options.timers.after(ms, resolve);
    });
  }
}
