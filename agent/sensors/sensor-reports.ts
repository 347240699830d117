/** Tells the hub the states of sensors: each change at first, ever fewer of a sensor that crashes in a loop. */
import { backoffMs } from "../../shared/backoff.ts";
import { type Clock, timestamp } from "../../shared/clock.ts";
import type { Logger } from "../../shared/log.ts";
import type { SensorState } from "../../shared/model/agent.ts";
import type { Timers } from "../../shared/timers.ts";
import type { SensorEventEntry } from "../../shared/wire/messages.ts";
import { reportDelay, type Schedule } from "./schedule.ts";

/** Where a sensor stands. */
export interface SensorStatus {
  /** `pack.ClassName` */
  readonly sensor: string;
  readonly state: SensorState;
  readonly pid: number | null;
  /** Starts after the first, since the agent started. */
  readonly restarts: number;
  readonly last_error: string | null;
  /** What its process was started with, while one runs. */
  readonly cmd?: string;
  /** Of its process that ended last, while none runs; absent when a signal ended it. */
  readonly exit_code?: number;
  /** RFC 3339: since when it is in this state. */
  readonly since: string;
  /** Of the assignment that its present life, or the next one, is under. */
  readonly fingerprint: string | null;
  /** Why it runs as it did before and not as assigned; `null` when it runs as assigned, or does not run. */
  readonly problem: string | null;
}

export interface SensorReportsOptions {
  readonly append: (entries: readonly SensorEventEntry[]) => Promise<unknown>;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly schedule: Schedule;
  readonly log: Logger;
}

interface Reported {
  /** The newest state that is not on disk; what it replaces is folded into it. */
  unsent: SensorStatus | null;
  newest: SensorStatus | null;
  sending: Promise<void> | null;
  lastAt: number | null;
  failures: number;
  cancelTimer: () => void;
}

const retryBackoff = { firstMs: 1_000, mostMs: 60_000 };

export class SensorReports {
  readonly #options: SensorReportsOptions;
  readonly #sensors = new Map<string, Reported>();
  #closed = false;

  constructor(options: SensorReportsOptions) {
    this.#options = options;
  }

  /** Takes a change of state; `crashes` in a row decide how soon it is told. A stop is told at once. */
  report(status: SensorStatus, crashes: number): void {
    const reported = this.#of(status.sensor);
    reported.unsent = status;
    reported.newest = status;
    // A retry is on its way and will take the newest.
    if (reported.failures > 0) return;
    const { schedule, clock } = this.#options;
    const inARow = status.state === "stopped" ? 0 : crashes;
    this.#sendIn(reported, reportDelay(schedule, inARow, reported.lastAt, clock.monotonic()));
  }

  /** The hub may have forgotten where the sensors stand: its store is another one. */
  tellAgain(): void {
    for (const { newest } of this.#sensors.values()) if (newest !== null) this.report(newest, 0);
  }

  /** Resolves once the newest states were tried to be written; nothing is sent by timer afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const reported of this.#sensors.values()) {
      reported.cancelTimer();
      await reported.sending;
      await this.#send(reported);
    }
  }

  #of(sensor: string): Reported {
    const known = this.#sensors.get(sensor);
    if (known !== undefined) return known;
    const made: Reported = {
      unsent: null,
      newest: null,
      sending: null,
      lastAt: null,
      failures: 0,
      cancelTimer: () => {},
    };
    this.#sensors.set(sensor, made);
    return made;
  }

  #sendIn(reported: Reported, delayMs: number): void {
    reported.cancelTimer();
    if (this.#closed || reported.sending !== null) return;
    const send = () => {
      reported.sending = this.#send(reported).finally(() => {
        reported.sending = null;
        // A change that came while this one was being written.
        if (reported.unsent !== null) this.#sendIn(reported, this.#retryDelay(reported));
      });
    };
    if (delayMs <= 0) send();
    else reported.cancelTimer = this.#options.timers.after(delayMs, send);
  }

  #retryDelay({ failures }: Reported): number {
    return failures === 0 ? 0 : backoffMs(retryBackoff, failures - 1, this.#options.jitter());
  }

  /** Never rejects: a state that cannot be written now is written later. */
  async #send(reported: Reported): Promise<void> {
    const status = reported.unsent;
    if (status === null) return;
    const { append, newId, clock, log } = this.#options;
    const { since: _, ...fields } = status;
    reported.lastAt = clock.monotonic();
    try {
      await append([{ kind: "sensor-event", id: newId(), at: timestamp(clock.now()), ...fields }]);
      reported.failures = 0;
      if (reported.unsent === status) reported.unsent = null;
    } catch (error) {
      reported.failures++;
      log.warn("a sensor's state cannot be told yet", { sensor: status.sensor, error });
    }
  }
}
