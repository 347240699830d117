/** One execution while the worker has it: its wish to stop, its time, its pauses. */
import type { Timers } from "../../shared/timers.ts";
import type { ProcessGroup } from "./journal.ts";
import type { StopReason } from "./outcome.ts";
import type { Runner } from "./runners/runner.ts";

/** Node's timers overflow beyond this; nobody waits 24 days for an action. */
const longestMs = 2 ** 31 - 1;

export interface RunOptions {
  readonly execution: string;
  readonly timers: Timers;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** Collects what may end a run; the first wish counts. */
export class Run {
  readonly execution: string;
  readonly #timers: Timers;
  readonly #monotonic: () => number;
  readonly #control = new AbortController();
  #cancelTimer = () => {};
  #deadlineMs = 0;
  #remainingMs = 0;
  #timeoutSeconds = 0;
  /** Set while there are processes. */
  group: ProcessGroup | null = null;
  runner: Runner | null = null;
  /** Its start is on disk, or on its way there. */
  isStarted = false;
  isPaused = false;
  /** It can go on without this program. */
  canBeHandedOver = false;
  /** Of a run whose start is written with its result. */
  startedAt: string | null = null;

  constructor({ execution, timers, monotonic }: RunOptions) {
    this.execution = execution;
    this.#timers = timers;
    this.#monotonic = monotonic;
  }

  get stop(): AbortSignal {
    return this.#control.signal;
  }

  /** `null` while it may go on. */
  get stopReason(): StopReason | null {
    return this.stop.aborted ? (this.stop.reason as StopReason) : null;
  }

  end(reason: StopReason): void {
    if (!this.stop.aborted) this.#control.abort(reason);
  }

  /** From now on it has `seconds`, not counting pauses; `leftMs` of them when it has run under another agent before. */
  startClock(seconds: number, leftMs = seconds * 1000): void {
    this.#timeoutSeconds = seconds;
    this.#arm(leftMs);
  }

  pauseClock(): void {
    this.#cancelTimer();
    this.#remainingMs = Math.max(0, this.#deadlineMs - this.#monotonic());
  }

  resumeClock(): void {
    this.#arm(this.#remainingMs);
  }

  /** Milliseconds until its timeout. */
  get remainingMs(): number {
    return this.isPaused ? this.#remainingMs : Math.max(0, this.#deadlineMs - this.#monotonic());
  }

  stopClock(): void {
    this.#cancelTimer();
  }

  #arm(ms: number): void {
    this.#deadlineMs = this.#monotonic() + ms;
    this.#cancelTimer = this.#timers.after(Math.min(ms, longestMs), () =>
      this.end({ kind: "timeout", seconds: this.#timeoutSeconds }),
    );
  }
}

/** Waits no longer than until the run is to end; then it rejects, and what it waited for goes on by itself. */
export function unlessStopped<T>(work: Promise<T>, stop: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onStop = () => reject(new Error("the run was ended"));
    if (stop.aborted) onStop();
    else stop.addEventListener("abort", onStop, { once: true });
    work.then(resolve, reject).finally(() => stop.removeEventListener("abort", onStop));
  });
}
