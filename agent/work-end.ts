/** How the agent's work ends: in which order its parts stop, how long they may take, and what the hub is still told. */
import type { Logger } from "../shared/log.ts";
import type { Timers } from "../shared/timers.ts";
import { stopOne } from "./actions/component.ts";

/** Milliseconds between TERM and KILL of an action's process group. */
export const termGraceMs = 2_000;
/** Milliseconds for sensors to end by themselves. */
const sensorPatienceMs = 3_000;
/** Milliseconds that the hub is given to receipt what was said last. */
const tellMs = 1_000;
/** Milliseconds beyond drain and grace: for results on their way to a slow disk. */
const slackMs = 4_000;
const lookAgainMs = 20;

export interface WorkEndOptions {
  readonly applier: { close(): Promise<void> };
  readonly actions: { stop(): Promise<void> };
  readonly sensors: { close(patienceMs: number): Promise<void> };
  readonly reports: { close(): Promise<void> };
  readonly outbox: { figures(): { readonly entries: number } };
  /** How long running actions may go on. */
  readonly drainMs: number;
  readonly monotonic: () => number;
  readonly timers: Timers;
  readonly log: Logger;
}

export class WorkEnd {
  readonly #options: WorkEndOptions;
  #stopping: Promise<void> | null = null;

  constructor(options: WorkEndOptions) {
    this.#options = options;
  }

  /** Milliseconds that `stop` may take before it is left behind. */
  get stopMs(): number {
    return this.#options.drainMs + termGraceMs + slackMs;
  }

  /** Milliseconds for `stopAndTell`. */
  get tellMs(): number {
    return this.stopMs + tellMs;
  }

  /**
   * No new versions of packs, then actions and sensors at once, since both may take seconds, then what is said of
   * sensors. One that fails hinders no other; then this rejects. Asked for again, it is the same end.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /**
   * For as long as there is a link: what became of the work is told before the agent goes. A hub that does not answer
   * is not waited for; it is told at the next start.
   */
  async stopAndTell(link: { readonly running: boolean }): Promise<void> {
    const { outbox, monotonic, timers } = this.#options;
    try {
      await this.stop();
    } finally {
      const until = monotonic() + tellMs;
      while (link.running && outbox.figures().entries > 0 && monotonic() < until)
        await new Promise<void>((resolve) => timers.after(lookAgainMs, resolve));
    }
  }

  async #stop(): Promise<void> {
    const { applier, actions, sensors, reports, log } = this.#options;
    const ended = (name: string, stop: () => Promise<void>) => stopOne({ name, stop }, log);
    const clean = [
      await ended("packs", () => applier.close()),
      ...(await Promise.all([
        ended("actions", () => actions.stop()),
        ended("sensors", () => sensors.close(sensorPatienceMs)),
      ])),
      await ended("sensor reports", () => reports.close()),
    ];
    if (clean.includes(false)) throw new Error("not all of the work has stopped cleanly");
  }
}
