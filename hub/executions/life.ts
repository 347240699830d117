/** The life of an execution: every status, every event, one table (st2 docs, Actions: statuses; design: Executions). */

import { timestamp } from "../../shared/clock.ts";
import type { Execution, LogEntry, Status } from "../../shared/model/execution.ts";

export type EventType =
  | "delay"
  | "schedule"
  | "start"
  | "succeed"
  | "fail"
  | "expire"
  | "cancel"
  | "stopped"
  | "lose"
  | "pause"
  | "paused"
  | "resume"
  | "wait"
  | "answer";

/**
 * From status, by event, to status. An agent says that it started before it says how it ended, or both at once; but an
 * execution may end without having started: expired on arrival, refused, or lost. `start` while running is a repeat of an
 * idempotent action after its agent died. Once canceled, nothing moves it any more.
 */
const life = {
  requested: {
    delay: "delayed",
    schedule: "scheduled",
    cancel: "canceled",
    fail: "failed",
    expire: "timeout",
  },
  delayed: { schedule: "scheduled", cancel: "canceled", fail: "failed", expire: "timeout" },
  scheduled: {
    start: "running",
    succeed: "succeeded",
    fail: "failed",
    expire: "timeout",
    cancel: "canceling",
    stopped: "canceled",
    lose: "abandoned",
  },
  running: {
    start: "running",
    succeed: "succeeded",
    fail: "failed",
    expire: "timeout",
    cancel: "canceling",
    stopped: "canceled",
    lose: "abandoned",
    pause: "pausing",
    paused: "paused",
    wait: "pending",
  },
  canceling: {
    start: "canceling",
    succeed: "succeeded",
    fail: "canceled",
    expire: "canceled",
    stopped: "canceled",
    lose: "abandoned",
  },
  pausing: {
    paused: "paused",
    succeed: "succeeded",
    fail: "failed",
    expire: "timeout",
    cancel: "canceling",
    stopped: "canceled",
    lose: "abandoned",
  },
  paused: {
    resume: "resuming",
    succeed: "succeeded",
    fail: "failed",
    expire: "timeout",
    cancel: "canceling",
    stopped: "canceled",
    lose: "abandoned",
  },
  resuming: {
    start: "running",
    succeed: "succeeded",
    fail: "failed",
    expire: "timeout",
    cancel: "canceling",
    stopped: "canceled",
    lose: "abandoned",
  },
  pending: { answer: "succeeded", fail: "failed", expire: "timeout", cancel: "canceled" },
  succeeded: {},
  failed: {},
  timeout: {},
  abandoned: {},
  canceled: {},
} as const satisfies Record<Status, Partial<Record<EventType, Status>>>;

export interface LifeEvent {
  readonly type: EventType;
  /** Milliseconds since the epoch, the hub's clock. */
  readonly at: number;
  readonly reason?: string | undefined;
}

/** A record that nobody else has yet: whoever asked for the step may fill it in further. */
type Fresh = { -readonly [Field in keyof Execution]: Execution[Field] };

export type Step =
  | { readonly moved: true; readonly execution: Fresh }
  /** The event does not fit; a duplicate or a late message. The caller counts it. */
  | { readonly moved: false; readonly reason: string };

/** The status an event leads to, or `null` when it does not fit. */
export function nextStatus(status: Status, event: EventType): Status | null {
  const exits: Partial<Record<EventType, Status>> = life[status];
  return exits[event] ?? null;
}

export function isFinal(status: Status): boolean {
  return ends.has(status);
}

const ends: ReadonlySet<Status> = new Set(
  Object.entries(life).flatMap(([status, exits]) =>
    Object.keys(exits).length === 0 ? [status as Status] : [],
  ),
);

/** The one place an execution's status changes. Pure: the caller stores the record, whose `rev` is one higher. */
export function step(execution: Execution, event: LifeEvent): Step {
  const status = nextStatus(execution.status, event.type);
  if (status === null) return { moved: false, reason: `${event.type} while ${execution.status}` };
  const at = timestamp(event.at);
  const { reason } = event;
  const entry: LogEntry =
    reason === undefined ? { status, timestamp: at } : { status, timestamp: at, reason };
  const next: Fresh = { ...execution, status, log: [...execution.log, entry], rev: execution.rev + 1 };
  if (reason !== undefined) next.reason = reason;
  if (status === "running" && execution.start_timestamp === null) next.start_timestamp = at;
  if (isFinal(status)) next.end_timestamp = at;
  return { moved: true, execution: next };
}
