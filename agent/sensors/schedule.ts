/** When a sensor's process is started again, and how often its changes of state are told. Pure. */

/** Milliseconds throughout. */
export interface Schedule {
  /** Wait after the first crash; doubles with each further one. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A life that lasted this long counts as healthy: the next crash is a first one again. */
  readonly healthyMs: number;
  /** Wait before looking again whether a sensor that could not be started at all can be now. */
  readonly recheckMs: number;
  /** Wait before what could not be started is tried again in place of what runs instead; doubles up to `maxRetryMs`. */
  readonly retryMs: number;
  readonly maxRetryMs: number;
  /** Silence before `ready` that ends a process of what is assigned, where there is something to go back to. */
  readonly readyMs: number;
  /** Time to end by itself after `stop`, before SIGTERM. */
  readonly graceMs: number;
  /** Time between SIGTERM and SIGKILL. */
  readonly killMs: number;
}

export const defaultSchedule: Schedule = {
  firstDelayMs: 1_000,
  maxDelayMs: 60_000,
  healthyMs: 60_000,
  recheckMs: 60_000,
  retryMs: 60_000,
  maxRetryMs: 3_600_000,
  readyMs: 600_000,
  graceMs: 5_000,
  killMs: 2_000,
};

/** How a life ended. `unstartable`: there was no life, or the code could not be loaded. */
export type Ending = { readonly kind: "exited"; readonly livedMs: number } | { readonly kind: "unstartable" };

export interface Restart {
  /** Crashes in a row, this one included. */
  readonly crashes: number;
  readonly state: "backing-off" | "failed";
  /** Milliseconds to wait; a start always follows, however often it failed before. */
  readonly delayMs: number;
}

/** Full delay for the `crashes`-th crash in a row, without jitter. */
function backOff(schedule: Schedule, crashes: number): number {
  // The exponent is bounded so that a sensor that crashes for a year does not reach Infinity.
  return Math.min(schedule.maxDelayMs, schedule.firstDelayMs * 2 ** Math.min(crashes - 1, 30));
}

/**
 * The restart after `ending`, the `crashes` before it being in a row.
 * `random` in [0, 1) takes up to half of the delay off, so that the sensors of a fleet do not restart together.
 */
export function nextStart(schedule: Schedule, crashes: number, ending: Ending, random: number): Restart {
  const jitter = 1 - random / 2;
  if (ending.kind === "unstartable") {
    return { crashes: crashes + 1, state: "failed", delayMs: Math.round(schedule.recheckMs * jitter) };
  }
  const inARow = ending.livedMs >= schedule.healthyMs ? 1 : crashes + 1;
  return {
    crashes: inARow,
    state: "backing-off",
    delayMs: Math.round(backOff(schedule, inARow) * jitter),
  };
}

/** Milliseconds to go on with what last worked, after `failures` attempts in a row at what is assigned. */
export function retryDelay(schedule: Schedule, failures: number, random: number): number {
  const delayMs = Math.min(schedule.maxRetryMs, schedule.retryMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(delayMs * (1 - random / 2));
}

/**
 * Milliseconds until a change of state may be told, 0 for at once: the more crashes in a row, the rarer.
 * What changes meanwhile is folded into one report of the newest state.
 */
export function reportDelay(
  schedule: Schedule,
  crashes: number,
  lastReportAt: number | null,
  now: number,
): number {
  // The first crashes are what an operator waits for; only a loop is slowed down.
  if (lastReportAt === null || crashes < 3) return 0;
  return Math.max(0, lastReportAt + backOff(schedule, crashes) - now);
}
