/** The timers that rules ask for: one for each schedule, however many rules share it. Pure. */
import { hash } from "node:crypto";
import { parseTimestamp, timestamp } from "../../shared/clock.ts";
import { derivedId } from "../../shared/ids.ts";
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { RuleRecord } from "../../shared/model/rule.ts";
import { canonicalText } from "../../shared/model/rule-trigger.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { isTimerType, readSchedule, type Schedule, type TimerType } from "../../shared/schedules/schedule.ts";
import { ownInstance } from "../rules/own-instance.ts";

export interface Timer {
  /** Names type and parameters. */
  readonly id: string;
  readonly type: TimerType;
  readonly parameters: JsonObject;
  /** Refs of the rules that use it, in order. */
  readonly rules: readonly string[];
  /** One of them is enabled. */
  readonly isOn: boolean;
  /** When the first of those that are enabled was written: where a new timer's intervals count from. */
  readonly sinceMs: number;
}

/** Where a timer stands, as it is on disk. Times are RFC 3339. */
export interface TimerState {
  /** Where its intervals count from. */
  readonly since: string;
  /** The first occurrence that has not fired; `null`: none comes any more. */
  readonly next: string | null;
  /** The last that has fired, when that was, and the instance it made. */
  readonly last: {
    readonly scheduled_at: string;
    readonly fired_at: string;
    readonly instance: string;
  } | null;
}

/** In the order of their ids. */
export function timersOf(records: readonly RuleRecord[]): readonly Timer[] {
  const found = new Map<string, Timer>();
  for (const { rule, updated_at } of records) {
    const { type, parameters } = rule.trigger;
    if (!isTimerType(type)) continue;
    const id = hash("sha256", canonicalText([type, parameters]), "hex").slice(0, 16);
    const known = found.get(id);
    const writtenMs = rule.enabled ? (parseTimestamp(updated_at) ?? 0) : Number.POSITIVE_INFINITY;
    found.set(id, {
      id,
      type,
      parameters,
      rules: [...(known?.rules ?? []), rule.ref].sort(),
      isOn: rule.enabled || known?.isOn === true,
      sinceMs: Math.min(writtenMs, known?.sinceMs ?? Number.POSITIVE_INFINITY),
    });
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The schedule of a timer that stands like this; `null` when its rule is from a version that took what this one refuses. */
export function scheduleOf({ type, parameters }: Timer, { since }: TimerState): Schedule | null {
  return readSchedule(type, parameters, parseTimestamp(since) ?? 0).schedule;
}

/** A timer that begins now: of the time before it nothing is made up for. */
export function newState(timer: Timer, nowMs: number): TimerState {
  const since = timestamp(Math.min(timer.sinceMs, nowMs));
  const next = scheduleOf(timer, { since, next: null, last: null })?.next(nowMs) ?? null;
  return { since, next: next === null ? null : timestamp(next), last: null };
}

/** `null` for what is no state. */
export function readState(json: Json): TimerState | null {
  if (!isObject(json) || typeof json.since !== "string") return null;
  return json as unknown as TimerState;
}

/** `2026-01-31 12:00:00.000000+00:00`, as Python writes it. */
const pythonTime = (ms: number): string => timestamp(ms).replace("T", " ").replace("Z", "000+00:00");

/** What an occurrence makes. Its id follows from the occurrence, so that whoever fires it again makes nothing new. */
export function occurrenceOf(
  { id, type, parameters }: Timer,
  { at, late }: { readonly at: number; readonly late: boolean },
  nowMs: number,
): TriggerInstance {
  return ownInstance(
    {
      id: derivedId(at, type, canonicalText(parameters), at),
      trigger: type,
      parameters,
      payload: { executed_at: pythonTime(nowMs), schedule: parameters, scheduled_at: timestamp(at) },
      late,
      trace_tag: `${type.slice("core.st2.".length)}-${id}`,
    },
    nowMs,
  );
}

/** A timer as people see it. */
export interface TimerView {
  readonly id: string;
  readonly type: TimerType;
  readonly parameters: JsonObject;
  readonly rules: readonly string[];
  readonly enabled: boolean;
  readonly next_fire: string | null;
  /** The occurrence that fired last, and when it did. */
  readonly last_scheduled: string | null;
  readonly last_fire: string | null;
  readonly last_instance: string | null;
  /** Why it does not fire. */
  readonly reason: string | null;
}

export function timerView(timer: Timer, state: TimerState | null): TimerView {
  const { id, type, parameters, rules, isOn } = timer;
  const next = isOn ? (state?.next ?? null) : null;
  const problems = readSchedule(type, parameters, 0).problems.map(({ message }) => message);
  const over = problems.length > 0 ? problems.join("; ") : "none of its times is to come";
  return {
    id,
    type,
    parameters,
    rules,
    enabled: isOn,
    next_fire: next,
    last_scheduled: state?.last?.scheduled_at ?? null,
    last_fire: state?.last?.fired_at ?? null,
    last_instance: state?.last?.instance ?? null,
    reason: next !== null ? null : isOn ? over : "its rules are disabled",
  };
}
