/** Makes an execution and the request that asks its agent to run it. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { ActionDefinition } from "../../shared/model/action.ts";
import type { BlobRef, Execution } from "../../shared/model/execution.ts";
import type { PolicyDefinition } from "../../shared/model/policy.ts";
import { runnerParameters, runners } from "../../shared/packs/runners.ts";
import { appliedPolicies } from "../policies/applied.ts";
import { openedParameters, refuseMasks, sealedParameters, secretParts } from "../secrets/sealed-execution.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Dispatch, StoredRequest } from "../store/port/ledgers.ts";

/** An action as the hub can run it: its definition and the pack version it belongs to. */
export interface RunnableAction {
  readonly definition: ActionDefinition;
  readonly pack_digest: string;
  /** Those that are switched on, in the order of their refs; absent when there is none. */
  readonly policies?: readonly PolicyDefinition[];
}

/** Parameters that were rendered, cast and validated. */
export interface ResolvedParameters {
  readonly runner_parameters: JsonObject;
  readonly parameters: JsonObject;
}

export interface NewExecution {
  readonly id: string;
  readonly action: RunnableAction;
  readonly agent: string;
  readonly resolved: ResolvedParameters;
  readonly nowMs: number;
  readonly expiresAtMs: number | null;
  readonly user: string;
  readonly rule: string | null;
  readonly trigger_instance: string | null;
  readonly enforcement: string | null;
  readonly trace_tag: string | null;
  readonly attempt: number;
  readonly rerun_of: string | null;
  /** Milliseconds since the epoch; absent: at once. */
  readonly startAtMs?: number | undefined;
  /** The policy that asks for another attempt. */
  readonly retriedBy?: string;
  /** Rules behind its trigger; see `Execution`. */
  readonly lineage?: readonly string[];
  /** The execution that runs this one among others. */
  readonly parent?: string | undefined;
}

/** Seconds an action may take when neither the request nor its runner says. */
const defaultTimeout = 60;

/** Definitions do not change; each is looked through once. */
const positions = new WeakMap<ActionDefinition, readonly string[]>();

/** Names of an action's parameters by their `position` (st2 docs, Actions: positional arguments). */
export function positionalNames(definition: ActionDefinition): readonly string[] {
  const known = positions.get(definition);
  if (known !== undefined) return known;
  const names = Object.entries(definition.parameters)
    .filter(([, schema]) => typeof schema.position === "number")
    .sort(([, a], [, b]) => (a.position ?? 0) - (b.position ?? 0))
    .map(([name]) => name);
  positions.set(definition, names);
  return names;
}

/** Seconds. */
export function timeoutOf({ runner_parameters: { timeout } }: ResolvedParameters): number {
  return typeof timeout === "number" && timeout > 0 ? timeout : defaultTimeout;
}

/**
 * A scheduled execution and its dispatch; both are to be written in one batch. What its action calls secret is encrypted in
 * both: throws KEY_FILE when that cannot be.
 */
export function createExecution(
  wanted: NewExecution,
  sealer: Sealer,
): { execution: Execution; dispatch: Dispatch } {
  const { action, resolved } = wanted;
  const at = timestamp(wanted.nowMs);
  const expires = wanted.expiresAtMs === null ? null : timestamp(wanted.expiresAtMs);
  const given = { ...resolved.runner_parameters, ...resolved.parameters };
  const { parameters, sealed } = sealedParameters(action.definition, wanted.id, given, sealer);
  const shown = parameters === given ? resolved : sameParameters(action, parameters);
  const execution: Execution = {
    id: wanted.id,
    action: action.definition.ref,
    runner: action.definition.runner_type,
    agent: wanted.agent,
    status: "scheduled",
    parameters,
    result: null,
    result_blob: null,
    rule: wanted.rule,
    trigger_instance: wanted.trigger_instance,
    enforcement: wanted.enforcement,
    user: wanted.user,
    trace_tag: wanted.trace_tag,
    created_at: at,
    start_timestamp: null,
    end_timestamp: null,
    expires_at: expires,
    idempotent: action.definition.idempotent,
    pack_digest: action.pack_digest,
    attempt: wanted.attempt,
    rerun_of: wanted.rerun_of,
    log: [
      { status: "requested", timestamp: at },
      { status: "scheduled", timestamp: at },
    ],
    reason: null,
    late_result: null,
    ...(wanted.lineage !== undefined && { lineage: wanted.lineage }),
    rev: 1,
    ...(action.policies !== undefined && { policies: appliedPolicies(action.policies, given) }),
    ...(wanted.startAtMs !== undefined && { start_at: timestamp(wanted.startAtMs) }),
    ...(wanted.parent !== undefined && { parent: wanted.parent }),
    ...(wanted.retriedBy !== undefined && { retried_by: wanted.retriedBy }),
    sealed,
  };
  const positional = positionalNames(action.definition);
  const entry: StoredRequest = {
    kind: "action-request",
    // The execution's id names the request, so that a request made again is recognised as the same.
    id: wanted.id,
    at,
    execution: wanted.id,
    action: action.definition.ref,
    runner: action.definition.runner_type,
    pack: action.definition.pack,
    pack_digest: action.pack_digest,
    entry_point: action.definition.entry_point,
    runner_parameters: shown.runner_parameters,
    parameters: shown.parameters,
    ...(positional.length > 0 && { positional }),
    timeout: timeoutOf(resolved),
    idempotent: action.definition.idempotent,
    expires_at: expires,
    user: wanted.user,
    rule: wanted.rule,
    trigger_instance: wanted.trigger_instance,
    ...secretParts(sealed),
    ...(sealed.parameters !== undefined && { sealed: sealed.parameters }),
  };
  return { execution, dispatch: { agent: wanted.agent, entry } };
}

/**
 * Parameters of an earlier execution for another of the same action: they are resolved already, and stay as they were.
 * Throws KEY_FILE and KEY_UNREADABLE for those with secrets, PARAMETER_INVALID for those whose secrets are lost.
 */
export function parametersAgain(
  action: RunnableAction,
  before: Pick<Execution, "id" | "parameters" | "sealed">,
  sealer: Sealer,
): ResolvedParameters {
  const parameters = openedParameters(before, sealer);
  refuseMasks(action.definition, parameters);
  return sameParameters(action, parameters);
}

/** The runner's, and the action's own. */
function sameParameters({ definition }: RunnableAction, before: JsonObject): ResolvedParameters {
  const runner = runnerParameters[definition.runner_type] ?? {};
  const entries = Object.entries(before);
  return {
    runner_parameters: Object.fromEntries(entries.filter(([name]) => Object.hasOwn(runner, name))),
    parameters: Object.fromEntries(entries.filter(([name]) => !Object.hasOwn(runner, name))),
  };
}

/** An execution that failed before it could be sent: its parameters did not resolve. */
export function failedExecution(
  wanted: Omit<NewExecution, "resolved">,
  supplied: JsonObject,
  error: { code: string; message: string },
  sealer: Sealer,
): Execution {
  // Parameters that do not resolve will not the next time either: no policy is to try.
  const { policies: _, ...action } = wanted.action;
  const resolved = { runner_parameters: {}, parameters: supplied };
  const { execution } = createExecution({ ...wanted, action, resolved }, sealer);
  const at = timestamp(wanted.nowMs);
  const reason = `${error.code}: ${error.message}`;
  return {
    ...execution,
    status: "failed",
    result: { error: reason, traceback: "" },
    reason,
    end_timestamp: at,
    log: [
      { status: "requested", timestamp: at },
      { status: "failed", timestamp: at, reason },
    ],
  };
}

/**
 * The same request with its parameters moved to a blob, because the entry was too large. `kept`: in place of what the
 * entry keeps of its secrets.
 */
export function withParametersBlob(
  dispatch: Dispatch,
  blob: BlobRef,
  kept: Pick<StoredRequest, "runner_parameters" | "sealed"> | null = null,
): Dispatch {
  if (dispatch.entry.kind !== "action-request") return dispatch;
  return { ...dispatch, entry: { ...dispatch.entry, parameters: {}, parameters_blob: blob, ...kept } };
}

/** ACTION_DISABLED, or RUNNER_UNKNOWN for a StackStorm runner that Petrel does not have. */
export function refuseUnrunnable({ definition }: RunnableAction): void {
  if (!definition.enabled) {
    throw new PetrelError("ACTION_DISABLED", `action ${definition.ref} is disabled`, {
      hint: "set `enabled: true` in its file, and register the pack again",
    });
  }
  if (!runners.has(definition.runner_type)) {
    throw new PetrelError(
      "RUNNER_UNKNOWN",
      `action ${definition.ref} wants runner '${definition.runner_type}', which Petrel does not have`,
      {
        hint: `runners: ${[...runners.keys()].join(", ")}`,
      },
    );
  }
}
