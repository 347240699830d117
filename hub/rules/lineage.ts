/** Which rules stand behind a trigger, and when that goes in a circle. Pure. */
import { isObject } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";

/** Rules behind whatever this execution brings about, the oldest first. */
export function lineageOf({ lineage = [], rule }: Pick<Execution, "lineage" | "rule">): readonly string[] {
  return rule === null ? lineage : [...lineage, rule];
}

/** The execution that a change of a file is said to come from; `null` when none is named. */
export function causeOf({ payload }: Pick<TriggerInstance, "payload">): string | null {
  const actor = isObject(payload) ? payload.actor : null;
  return isObject(actor) && typeof actor.execution_id === "string" ? actor.execution_id : null;
}

/**
 * Why `rule` must not act on a trigger with this lineage; `null` when it may. Its own doing would call it again and
 * again; and a long chain of rules is one that nobody meant.
 */
export function loopProblem(
  lineage: readonly string[] | undefined,
  rule: string,
  depth: number,
): string | null {
  if (lineage === undefined) return null;
  if (lineage.includes(rule)) {
    return `LOOP_GUARD: what this rule itself set off led to this trigger: ${[...lineage, rule].join(" → ")}`;
  }
  if (lineage.length < depth) return null;
  return `LOOP_GUARD: ${lineage.length} rules led to this trigger one after the other: ${lineage.join(" → ")}`;
}
