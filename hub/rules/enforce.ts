/** From a trigger instance and what the rules said of it to what is to be written: enforcements, executions, requests. */
import { parseTimestamp, timestamp } from "../../shared/clock.ts";
import { errorReport, PetrelError } from "../../shared/errors.ts";
import { RegexNeeded } from "../../shared/expressions/regex/answer.ts";
import { derivedId } from "../../shared/ids.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { Digest, Enforcement, RuleDefinition } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { directThrottle, type ThrottleView } from "../../shared/rules/throttle-key.ts";
import { manyAgents, type RollOut, rolloutExecution } from "../executions/fan-out.ts";
import { type KnownAgents, place } from "../executions/place.ts";
import {
  createExecution,
  failedExecution,
  type ResolvedParameters,
  type RunnableAction,
  refuseUnrunnable,
} from "../executions/request.ts";
import { openedIfPossible } from "../secrets/sealed-rule.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Outcome } from "../store/port/intake.ts";
import type { Dispatch } from "../store/port/ledgers.ts";
import type { DigestOutcome, ThrottleAsk, ThrottleWindow } from "../store/port/throttles.ts";
import { loopProblem } from "./lineage.ts";

/** A rule that matched, or could not be judged; a clean mismatch leaves no trace. */
export type Verdict =
  | {
      readonly rule: RuleDefinition;
      readonly matched: true;
      /** Of a rule with a throttle. */
      readonly throttleKey?: string;
    }
  /** `error` is `CODE: text`. */
  | { readonly rule: RuleDefinition; readonly matched: false; readonly error: string };

export interface EnforceWith {
  readonly ruleSetVersion: number;
  readonly agents: KnownAgents;
  readonly action: (ref: string) => RunnableAction | null;
  /** `sha256:…` of the definition that is in force; absent: not known. */
  readonly ruleDigest?: (ref: string) => string | undefined;
  /** Renders, casts and validates the rule's parameters; throws a PetrelError. */
  readonly resolve: (
    action: RunnableAction,
    rule: RuleDefinition,
    instance: TriggerInstance,
    throttle: ThrottleView | undefined,
  ) => ResolvedParameters;
  readonly sealer: Sealer;
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
  const throttles: ThrottleAsk[] = [];
  const made = verdicts.map((verdict) => {
    const one = attempt(instance, verdict, given);
    const ask = throttleAsk(instance, verdict, one.enforcement, given.nowMs);
    if (ask !== null) throttles.push(ask);
    return one;
  });
  return {
    instance: { ...instance, status: "processed", rule_set_version: given.ruleSetVersion },
    enforcements: made.map(({ enforcement }) => enforcement),
    executions: joined(made.map(({ executions }) => executions)),
    dispatches: joined(made.map(({ dispatches }) => dispatches)),
    ...(throttles.length > 0 && { throttles }),
  };
}

/** What would act is asked about; a rule that fails has nothing to hold back, and says so each time. */
function throttleAsk(
  instance: TriggerInstance,
  verdict: Verdict,
  enforcement: Enforcement,
  nowMs: number,
): ThrottleAsk | null {
  const { rule } = verdict;
  const { throttle } = rule;
  if (throttle === undefined || !verdict.matched || enforcement.status !== "succeeded") return null;
  const { target } = rule.action;
  const where = target === undefined || target === "origin" ? instance.origin.agent : target;
  return {
    enforcement: enforcement.id,
    rule: rule.ref,
    key: verdict.throttleKey ?? "",
    lane: JSON.stringify([rule.mode, where]),
    atMs: nowMs,
    everyMs: throttle.every * 1000,
    max: throttle.max,
    collect: throttle.collect,
  };
}

/**
 * The digest of a window, for the newest instance that it held back. Its execution has a time to reach its agent from now
 * on, whenever that instance came. `verdict` is the rule's of now.
 */
export function enforceDigest(
  instance: TriggerInstance,
  verdict: Verdict,
  given: EnforceWith,
  digest: DigestOccasion,
): DigestOutcome {
  const { enforcement, executions, dispatches } = attempt(instance, verdict, given, digest);
  return { enforcement: { ...enforcement, digest: digest.record }, executions, dispatches };
}

/** Most triggers are for one rule, whose list does as it is. */
function joined<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const [only] = lists;
  return only !== undefined && lists.length === 1 ? only : lists.flat();
}

export interface DigestOccasion {
  readonly window: Pick<ThrottleWindow, "id" | "until">;
  readonly view: ThrottleView;
  readonly record: Digest;
}

interface Made {
  readonly enforcement: Enforcement;
  readonly executions: readonly Execution[];
  readonly dispatches: readonly Dispatch[];
}

/** A fault of ours that one rule runs into is that rule's failure: the others are enforced all the same. */
function attempt(
  instance: TriggerInstance,
  verdict: Verdict,
  given: EnforceWith,
  digest?: DigestOccasion,
): Made {
  try {
    return enforceOne(instance, verdict, given, digest);
  } catch (error) {
    if (error instanceof RegexNeeded) throw error;
    const { rule } = verdict;
    return enforceOne(instance, { rule, matched: false, error: faultOf(error) }, given, digest);
  }
}

/** Secrets that cannot be encrypted are an operator's to mend, and no fault of ours. */
function faultOf(error: unknown): string {
  const { code, message } = errorReport(error);
  return `${code === "KEY_FILE" ? code : "INTERNAL"}: ${message}`;
}

function enforceOne(
  instance: TriggerInstance,
  verdict: Verdict,
  given: EnforceWith,
  digest?: DigestOccasion,
): Made {
  const { rule } = verdict;
  const receivedMs = parseTimestamp(instance.received_at) ?? given.nowMs;
  // A window has one digest: its records go by the window, those of others by the instance.
  const [idMs, cause] =
    digest === undefined ? [receivedMs, instance.id] : [digest.window.until, digest.window.id];
  const rule_digest = given.ruleDigest?.(rule.ref);
  const enforcement: Enforcement = {
    id: digest?.window.id ?? derivedId(receivedMs, "enforcement", instance.id, rule.ref),
    trigger_instance: instance.id,
    rule: rule.ref,
    ...(rule_digest !== undefined && { rule_digest }),
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
    id: derivedId(idMs, cause, rule.ref, agent, 1),
    action,
    agent,
    nowMs: given.nowMs,
    expiresAtMs:
      digest === undefined
        ? expiry(instance, rule, receivedMs, given.skewMs)
        : given.nowMs + rule.expires * 1000,
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
    const direct = verdict.throttleKey === undefined ? undefined : directThrottle(verdict.throttleKey);
    resolved = given.resolve(action, rule, instance, digest?.view ?? direct);
  } catch (error) {
    if (!(error instanceof PetrelError)) throw error;
    const report = errorReport(error);
    const reason = `${report.code}: ${report.message}`;
    if (enforcement.shadow) return refuse(reason);
    // Whoever runs it again needs its secrets, which are sealed anew.
    const supplied: JsonObject = openedIfPossible(rule, given.sealer).action.parameters;
    return refuse(
      reason,
      placement.agents.map((agent) => failedExecution(base(agent), supplied, report, given.sealer)),
    );
  }
  if (enforcement.shadow) return { enforcement, executions: [], dispatches: [] };
  const rollOut = rollOutIn(rule);
  if (rollOut !== null) {
    // Its children are made when it is on disk: by `FanOuts`.
    const { agents } = placement;
    const parent = rolloutExecution({ ...base(manyAgents), resolved, agents }, rollOut, given.sealer);
    return { enforcement: { ...enforcement, executions: [parent.id] }, executions: [parent], dispatches: [] };
  }
  const made = placement.agents.map((agent) => createExecution({ ...base(agent), resolved }, given.sealer));
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
