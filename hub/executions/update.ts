/** What an agent's report does to an execution. */
import { parseTimestamp, timestamp } from "../../shared/clock.ts";
import { isObject } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { ExecutionUpdateEntry } from "../../shared/wire/messages.ts";
import { type EventType, isFinal, step } from "./life.ts";
import { isReportSetAside } from "./set-aside-report.ts";

const events: Record<Exclude<ExecutionUpdateEntry["status"], "accepted">, EventType> = {
  running: "start",
  succeeded: "succeed",
  failed: "fail",
  timeout: "expire",
  abandoned: "lose",
  canceled: "stopped",
  paused: "paused",
};

/** Why a report changes nothing: said before; its execution has ended otherwise; it does not fit where that stands. */
export const idleKinds = ["duplicate", "late", "unfit"] as const;

export type IdleKind = (typeof idleKinds)[number];

export type Updated =
  | { readonly changed: true; readonly execution: Execution }
  /** Counted by its kind, never an error; `null` is an acceptance, which never changes anything. */
  | { readonly changed: false; readonly reason: string; readonly kind: IdleKind | null };

/**
 * Applies an update. `skewMs` is the agent's clock minus the hub's: its times are recorded in hub time.
 * A true result for an execution that had been abandoned, or whose report had been set aside, is kept as `late_result` and changes no status.
 */
export function applyUpdate(
  execution: Execution,
  update: ExecutionUpdateEntry,
  nowMs: number,
  skewMs: number,
): Updated {
  if (update.status === "accepted") return { changed: false, reason: "accepted", kind: null };
  const event = events[update.status];
  const reason = reasonOf(execution, update);
  const moved = step(startedFirst(execution, update, nowMs), { type: event, at: nowMs, reason });
  if (!moved.moved) return lateResult(execution, update, moved.reason);
  const { execution: next } = moved;
  const { result, result_blob, started_at, ended_at } = update;
  if (result !== undefined) next.result = result;
  if (result_blob !== undefined) next.result_blob = result_blob;
  const started = inHubTime(started_at, execution, nowMs, skewMs);
  if (started !== null) next.start_timestamp = started;
  const ended = isFinal(next.status) ? inHubTime(ended_at, execution, nowMs, skewMs) : null;
  if (ended !== null) next.end_timestamp = ended;
  return { changed: true, execution: next };
}

/** What ended as it was taken up is reported once: its start is said with its end, and both are one revision. */
function startedFirst(
  execution: Execution,
  { status, started_at }: ExecutionUpdateEntry,
  nowMs: number,
): Execution {
  if (execution.status !== "scheduled" || started_at === undefined || status === "running") return execution;
  const started = step(execution, { type: "start", at: nowMs });
  return started.moved ? { ...started.execution, rev: execution.rev } : execution;
}

/**
 * An agent's clock may have been set since its hello: what it says cannot have been before the execution was made, nor
 * in the future.
 */
function inHubTime(
  text: string | undefined,
  { created_at }: Execution,
  nowMs: number,
  skewMs: number,
): string | null {
  const ms = text === undefined ? null : parseTimestamp(text);
  if (ms === null) return null;
  return timestamp(Math.min(nowMs, Math.max(parseTimestamp(created_at) ?? 0, ms - skewMs)));
}

/** What is said of agents that give no reason: older ones leave it to status and result. */
const silentReasons: Readonly<Partial<Record<ExecutionUpdateEntry["status"], string>>> = {
  failed: "failed",
  timeout: "timed out",
  canceled: "canceled",
  abandoned: "abandoned",
};

/** Why it ended, in a few words: whoever lists what did not succeed need not open each to see why. */
function reasonOf(
  execution: Execution,
  { status, reason, result }: ExecutionUpdateEntry,
): string | undefined {
  const silent = silentReasons[status];
  if (silent === undefined) return reason;
  // It is canceled whatever its process made of that: the wish is the reason.
  if (execution.status === "canceling" && status !== "abandoned" && execution.reason !== null) {
    return status === "canceled" ? (reason ?? execution.reason) : execution.reason;
  }
  if (reason !== undefined) return reason;
  const code = isObject(result) ? (result.return_code ?? result.exit_code) : undefined;
  return status === "failed" && typeof code === "number" && code !== 0 ? `exit code ${code}` : silent;
}

function lateResult(execution: Execution, update: ExecutionUpdateEntry, reason: string): Updated {
  const isTrueResult =
    update.status === "succeeded" || update.status === "failed" || update.status === "timeout";
  const mayComeLate = execution.status === "abandoned" || isReportSetAside(execution);
  if (!mayComeLate || !isTrueResult || execution.late_result !== null)
    return { changed: false, reason, kind: idleKind(execution, update) };
  const { status, result = null, result_blob, at } = update;
  const late = { status, result, at, ...(result_blob !== undefined && { result_blob: { ...result_blob } }) };
  return { changed: true, execution: { ...execution, late_result: late, rev: execution.rev + 1 } };
}

function idleKind(execution: Execution, { status }: ExecutionUpdateEntry): IdleKind {
  if (execution.status === status) return "duplicate";
  return isFinal(execution.status) ? "late" : "unfit";
}
