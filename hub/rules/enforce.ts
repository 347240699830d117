/** From a trigger instance and what the rules said of it to what is to be written: enforcements, executions, requests. */
import { parseTimestamp, timestamp } from "../../shared/clock.ts";
import { errorReport, PetrelError } from "../../shared/errors.ts";
import { RegexNeeded } from "../../shared/expressions/regex/answer.ts";
import { derivedId } from "../../shared/ids.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { Enforcement, RuleDefinition } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { manyAgents, type RollOut, rolloutExecution } from "../executions/fan-out.ts";
import { type KnownAgents, place } from "../executions/place.ts";
import {
  createExecution,
  failedExecution,
  type ResolvedParameters,
  type RunnableAction,
  refuseUnrunnable,
} from "../executions/request.ts";
import type { Dispatch, Outcome } from "../store/store.ts";
import { loopProblem } from "./lineage.ts";

/** A rule that matched, or could not be judged; a clean mismatch leaves no trace. */
export type Verdict =
  | { readonly rule: RuleDefinition; readonly matched: true }
  /** `error` is `CODE: text`. */
  | { readonly rule: RuleDefinition; readonly matched: false; readonly error: string };

export interface EnforceWith {
  readonly ruleSetVersion: number;
  readonly agents: KnownAgents;
  readonly action: (ref: string) => RunnableAction | null;
  /** Renders, casts and validates the rule's parameters; throws a PetrelError. */
  readonly resolve: (
    action: RunnableAction,
    rule: RuleDefinition,
    instance: TriggerInstance,
  ) => ResolvedParameters;
  readonly nowMs: number;
  /** The sending agent's clock minus the hub's; expiry counts in hub time. */
  readonly skewMs: number;
  /** Rules that may stand behind one trigger. */
  readonly loopDepth: number;
}

/** The user that rules act as, StackStorm's system user. */
export const systemUser = "stanley";

/**
 * Decides everything one instance leads to. Ids follow from the instance, the rule and the agent, so that judging
 * the same instance again finds the same records. One failing rule never stops the others.
 */
export function enforce(
  instance: TriggerInstance,
  verdicts: readonly Verdict[],
  given: EnforceWith,
): Outcome {
  const enforcements: Enforcement[] = [];
  const executions: Execution[] = [];
  const dispatches: Dispatch[] = [];
  for (const verdict of verdicts) {
    const made = attempt(instance, verdict, given);
    enforcements.push(made.enforcement);
    executions.push(...made.executions);
    dispatches.push(...made.dispatches);
  }
  return {
    instance: { ...instance, status: "processed", rule_set_version: given.ruleSetVersion },
    enforcements,
    executions,
    dispatches,
  };
}

interface Made {
  readonly enforcement: Enforcement;
  readonly executions: readonly Execution[];
  readonly dispatches: readonly Dispatch[];
}

/** A fault of ours that one rule runs into is that rule's failure: the others are enforced all the same. */
function attempt(instance: TriggerInstance, verdict: Verdict, given: EnforceWith): Made {
  try {
    return enforceOne(instance, verdict, given);
  } catch (error) {
    if (error instanceof RegexNeeded) throw error;
    const { rule } = verdict;
    return enforceOne(
      instance,
      { rule, matched: false, error: `INTERNAL: ${errorReport(error).message}` },
      given,
    );
  }
}

function enforceOne(instance: TriggerInstance, verdict: Verdict, given: EnforceWith): Made {
  const { rule } = verdict;
  const receivedMs = parseTimestamp(instance.received_at) ?? given.nowMs;
  const enforcement: Enforcement = {
    id: derivedId(receivedMs, "enforcement", instance.id, rule.ref),
    trigger_instance: instance.id,
    rule: rule.ref,
    enforced_at: timestamp(given.nowMs),
    status: "succeeded",
    failure_reason: null,
    executions: [],
    shadow: rule.mode === "shadow",
  };
  const refuse = (reason: string, executions: readonly Execution[] = []): Made => ({
    enforcement: {
      ...enforcement,
      status: "failed",
      failure_reason: reason,
      executions: executions.map((execution) => execution.id),
    },
    executions,
    dispatches: [],
  });

  if (!verdict.matched) return refuse(verdict.error);
  const loop = loopProblem(instance.lineage, rule.ref, given.loopDepth);
  if (loop !== null) return refuse(loop);
  const action = given.action(rule.action.ref);
  if (action === null) {
    return refuse(`RULE_ACTION_UNKNOWN: action ${rule.action.ref} is not registered`);
  }
  try {
    refuseUnrunnable(action);
  } catch (error) {
    const { code, message } = errorReport(error);
    return refuse(`${code}: ${message}`);
  }
  const placement = place(rule.action.target, instance.origin, given.agents);
  if (!placement.found) return refuse(`RULE_TARGET: ${placement.reason}`);

  const base = (agent: string) => ({
    id: derivedId(receivedMs, instance.id, rule.ref, agent, 1),
    action,
    agent,
    nowMs: given.nowMs,
    expiresAtMs: expiry(instance, rule, receivedMs, given.skewMs),
    user: systemUser,
    rule: rule.ref,
    trigger_instance: instance.id,
    enforcement: enforcement.id,
    trace_tag: instance.trace_tag,
    attempt: 1,
    rerun_of: null,
    ...(instance.lineage !== undefined && { lineage: instance.lineage }),
  });
  let resolved: ResolvedParameters;
  try {
    resolved = given.resolve(action, rule, instance);
  } catch (error) {
    if (!(error instanceof PetrelError)) throw error;
    const report = errorReport(error);
    const reason = `${report.code}: ${report.message}`;
    if (enforcement.shadow) return refuse(reason);
    const supplied: JsonObject = rule.action.parameters;
    return refuse(
      reason,
      placement.agents.map((agent) => failedExecution(base(agent), supplied, report)),
    );
  }
  if (enforcement.shadow) return { enforcement, executions: [], dispatches: [] };
  const rollOut = rollOutIn(rule);
  if (rollOut !== null) {
    // Its children are made when it is on disk: by `FanOuts`.
    const { agents } = placement;
    const parent = rolloutExecution({ ...base(manyAgents), resolved, agents }, rollOut);
    return { enforcement: { ...enforcement, executions: [parent.id] }, executions: [parent], dispatches: [] };
  }
  const made = placement.agents.map((agent) => createExecution({ ...base(agent), resolved }));
  return {
    enforcement: { ...enforcement, executions: made.map(({ execution }) => execution.id) },
    executions: made.map(({ execution }) => execution),
    dispatches: made.map(({ dispatch }) => dispatch),
  };
}

/** `null`: each agent has an execution for itself. A canary goes first wherever they go in batches. */
function rollOutIn({ action: { target } }: RuleDefinition): RollOut | null {
  if (typeof target !== "object" || !("labels" in target)) return null;
  const { batch, canary, max_failures } = target;
  if (batch === undefined && canary === undefined && max_failures === undefined) return null;
  return { batch, max_failures, canary: canary ?? (batch === undefined ? 0 : 1) };
}

/** `expires` seconds after the occurrence in hub time; an agent's clock cannot move it past the intake's. */
function expiry(instance: TriggerInstance, rule: RuleDefinition, receivedMs: number, skewMs: number): number {
  const occurred = parseTimestamp(instance.occurrence_time);
  const occurredMs = occurred === null ? receivedMs : Math.min(occurred - skewMs, receivedMs);
  return occurredMs + rule.expires * 1000;
}
