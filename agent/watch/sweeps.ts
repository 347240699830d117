/**
 * Looks at everything slowly, again and again: what no event tells is found by that. Or at once, when asked to. Never
 * above its budget.
 */
import { type Clock, timestamp } from "../../shared/clock.ts";
import type { Timers } from "../../shared/timers.ts";
import type { SweepReport } from "../../shared/watch/questions.ts";
import type { SensorLogger } from "../sensors/sensor.ts";
import { type Budget, type Pace, pacer } from "./budget.ts";
import type { Scope } from "./gather-fs.ts";
import { patience, stopMs } from "./patience.ts";

export interface SweepsOptions {
  /** Seconds in which everything is looked at once; 0: never. */
  readonly everySeconds: number;
  /** Seconds after which digests are taken, too; 0: never. */
  readonly fullEverySeconds: number;
  /** Shared by all that are under way. */
  readonly budget: Budget;
  readonly engine: {
    sweep(full: boolean, pace: Pace, scope?: Scope): Promise<number>;
  };
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: SensorLogger;
}

/** Paths a second at the least, so that a small tree does not take the hour that a large one may. */
const leastPerSecond = 200;

export class Sweeps {
  readonly #options: SweepsOptions;
  /** Paths of the last complete sweep: the next one spreads as many over its time. */
  #paths: number | null = null;
  #last: SweepReport | null = null;
  #fullAt: number;
  #cancel: () => void = () => {};
  /** Pauses that are to end when sweeping does. */
  readonly #pauses = new Set<() => void>();
  readonly #running = new Set<Promise<unknown>>();
  #isStopped = false;

  constructor(options: SweepsOptions) {
    this.#options = options;
    this.#fullAt = options.clock.monotonic();
  }

  start(): void {
    const { everySeconds, timers } = this.#options;
    if (everySeconds === 0 || this.#isStopped) return;
    this.#cancel = timers.after(everySeconds * 1_000, () => {
      void this.#sweep().finally(() => this.start());
    });
  }

  /** Now and as fast as the budget lets it, beside a slow one. How many changes were found; rejects when it is stopped. */
  now(full: boolean, scope: Scope): Promise<number> {
    return this.#run(this.#options.engine.sweep(full, this.#pacer(), scope));
  }

  /** What is set, and how the last slow sweep went; `paths`: of the last complete one. */
  report(): {
    readonly everySeconds: number;
    readonly fullEverySeconds: number;
    readonly paths: number | null;
    readonly last: SweepReport | null;
  } {
    const { everySeconds } = this.#options;
    // Digests are taken by one of the sweeps now and then.
    const fullEverySeconds = everySeconds === 0 ? 0 : this.#options.fullEverySeconds;
    return { everySeconds, fullEverySeconds, paths: this.#paths, last: this.#last };
  }

  /** Ends those under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    for (const end of this.#pauses) end();
    await patience(this.#options.timers, stopMs, Promise.allSettled(this.#running));
  }

  async #sweep(): Promise<void> {
    const { engine, clock, log, everySeconds, fullEverySeconds } = this.#options;
    const now = clock.monotonic();
    const full = fullEverySeconds > 0 && now - this.#fullAt >= fullEverySeconds * 1_000;
    if (full) this.#fullAt = now;
    let looked = 0;
    // Half of the time: the rest is for what takes longer than thought.
    const perSecond = Math.max(leastPerSecond, (this.#paths ?? 0) / (everySeconds / 2));
    const pace = this.#pacer(perSecond);
    try {
      const differences = await this.#run(
        engine.sweep(full, async (paths, bytes) => {
          looked += paths;
          await pace(paths, bytes);
        }),
      );
      this.#paths = looked;
      this.#last = { full, ended_at: timestamp(clock.now()), looked, differences };
      if (differences > 0)
        log.info(`a sweep over ${looked} paths found ${differences} changes that no event had told`);
    } catch (error) {
      if (!this.#isStopped) log.error(`a sweep ended early: ${String(error)}`);
    }
  }

  #pacer(perSecond?: number): Pace {
    const { budget, clock } = this.#options;
    return pacer({
      budget,
      clock,
      pause: (ms) => this.#pause(ms),
      sharers: () => this.#running.size,
      ...(perSecond !== undefined && { perSecond }),
    });
  }

  async #run(sweep: Promise<number>): Promise<number> {
    this.#running.add(sweep);
    try {
      return await sweep;
    } finally {
      this.#running.delete(sweep);
    }
  }

  async #pause(ms: number): Promise<void> {
    if (!this.#isStopped) {
      await new Promise<void>((resolve) => {
        const end = () => {
          this.#pauses.delete(end);
          cancel();
          resolve();
        };
        const cancel = this.#options.timers.after(ms, end);
        this.#pauses.add(end);
      });
    }
    if (this.#isStopped) throw new Error("the sensor stops");
  }
}
