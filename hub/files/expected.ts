/** Which changes of files were expected: those that occurred in a window which was open for their agent and path. Pure. */
import { parseTimestamp } from "../../shared/clock.ts";
import { isObject } from "../../shared/json.ts";
import { type ChangeWindow, type Expected, windowEnd } from "../../shared/model/change-window.ts";
import { changeFields, isFileChange } from "../../shared/model/file-change.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { compileGlob, type Glob } from "../../shared/watch/glob.ts";
import { hasLabels } from "../agents/label-pairs.ts";
import { touchesPath } from "./select-changes.ts";

export interface CompiledWindow {
  readonly window: ChangeWindow;
  readonly globs: readonly Glob[];
  /** Milliseconds since the epoch, hub time. */
  readonly from: number;
  readonly to: number;
}

/** Added at both ends: as exactly as the offset of an agent's clock, and the kernel's times of change, are known. */
const toleranceMs = 1_000;

/** Throws WATCH_GLOB. */
export function compileWindow(window: ChangeWindow): CompiledWindow {
  const from = Date.parse(window.opened_at) - toleranceMs;
  return { window, globs: window.paths.map(compileGlob), from, to: windowEnd(window) + toleranceMs };
}

/**
 * Hub time in ms at which a change occurred: the time that the agent tells, which is that of the change itself as far as
 * the host knows it, less the offset of the agent's clock; never after it came in. When the agent tells no time of the
 * change, the time of its entry counts.
 */
export function occurredAt(instance: TriggerInstance, skewMs: number): number {
  const { time } = changeFields(instance);
  const received = Date.parse(instance.received_at);
  const told = typeof time === "string" ? parseTimestamp(time) : null;
  const at = told ?? parseTimestamp(instance.occurrence_time);
  return at === null ? received : Math.min(at - skewMs, received);
}

/** The first window, by the time of its opening, that the change falls into. */
export function expectedBy(
  windows: readonly CompiledWindow[],
  instance: TriggerInstance,
  skewMs: number,
): Expected | null {
  const at = occurredAt(instance, skewMs);
  const { agent: id, labels } = instance.origin;
  const found = windows.find(({ window, globs, from, to }) => {
    if (at < from || at > to) return false;
    if (window.agent !== null && window.agent !== id) return false;
    const fields = changeFields(instance);
    return hasLabels(labels, window.labels) && globs.some((glob) => touchesPath(glob, fields));
  });
  return found === undefined ? null : { id: found.window.id, reason: found.window.reason };
}

/** The instance with what was expected of it. Only the hub says so: what an agent says of it is left out. */
export function withExpected(
  instance: TriggerInstance,
  skewMs: number,
  windows: readonly CompiledWindow[],
): TriggerInstance {
  if (!isFileChange(instance) || !isObject(instance.payload)) return instance;
  const { expected: claimed, ...payload } = changeFields(instance);
  const expected = expectedBy(windows, instance, skewMs);
  if (expected === null) return claimed === undefined ? instance : { ...instance, payload };
  return { ...instance, payload: { ...payload, expected: { ...expected } } };
}
