/** Decides what becomes of an action request that has arrived. Pure. */
import { errorReport, type PetrelError } from "../../shared/errors.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";
import type { JournalState, ResultRecord } from "./journal.ts";
import { brokenOutcome, type RunOutcome } from "./outcome.ts";

export interface AdmitContext {
  /** Epoch milliseconds by the hub's clock, as far as this agent knows it. */
  readonly hubNow: number;
  /** By name. */
  readonly runners: { has(name: string): boolean; keys(): Iterable<string> };
  /** Why nothing new is run at present; `null` when it is. */
  readonly refusing: string | null;
  /** Why this host does not let the request run; `null` when it does. Absent: it lets everything run. */
  readonly hostRefuses?: HostRefuses | undefined;
  /** What comes of it at once; `null` where something has to be done first. */
  readonly outcome: (request: ActionRequestEntry) => RunOutcome | null;
}

/** HOST_REFUSED; `null` when the host lets the request run now. */
export type HostRefuses = (request: ActionRequestEntry) => PetrelError | null;

export type Admission =
  /** New: to be journalled, confirmed and queued. */
  | { readonly kind: "accept" }
  /** New, and done with: to be settled in the batch that takes it in. */
  | { readonly kind: "settle"; readonly outcome: RunOutcome }
  /** Promised already and not settled: its result will come. */
  | { readonly kind: "repeat" }
  /** Settled already: the stored result is the answer. */
  | { readonly kind: "answer"; readonly result: ResultRecord }
  /** Will not run: to be settled at once. */
  | { readonly kind: "refuse"; readonly outcome: RunOutcome };

/** The reason of executions whose request came, or whose turn came, too late. */
export const expiredReason = "expired";

/** A request without `expires_at` never expires. */
export function isExpired(request: Pick<ActionRequestEntry, "expires_at">, hubNow: number): boolean {
  return request.expires_at !== null && Date.parse(request.expires_at) <= hubNow;
}

/** The same whether it was refused as it came or as its turn came. */
export function refusedOutcome(error: PetrelError): RunOutcome {
  const { code, message, where, fix } = errorReport(error);
  return brokenOutcome(code, message, where, fix);
}

/** StackStorm has no such case; ours reads as a timeout with a reason of its own. */
export function expiredOutcome(request: Pick<ActionRequestEntry, "expires_at">): RunOutcome {
  const error = `The request expired at ${request.expires_at} (hub time) before it could run`;
  return { status: "timeout", result: { error, code: "EXECUTION_EXPIRED" }, reason: expiredReason };
}

/** What is known of the execution counts before the request itself: a repeat is answered even if it has expired. */
export function admit(request: ActionRequestEntry, state: JournalState, context: AdmitContext): Admission {
  switch (state.phase) {
    case "settled":
      return { kind: "answer", result: state.result };
    case "accepted":
    case "started":
      return { kind: "repeat" };
    case "canceled-early": {
      const { reason } = state.cancel;
      return { kind: "refuse", outcome: { status: "canceled", result: { error: reason }, reason } };
    }
    case "unknown":
      return admitNew(request, context);
  }
}

function admitNew(request: ActionRequestEntry, context: AdmitContext): Admission {
  const { hubNow, runners, refusing, hostRefuses } = context;
  if (isExpired(request, hubNow)) return { kind: "refuse", outcome: expiredOutcome(request) };
  const refused = hostRefuses?.(request) ?? null;
  if (refused !== null) return { kind: "refuse", outcome: refusedOutcome(refused) };
  if (refusing !== null) {
    const message = `the agent takes no action at present: ${refusing}`;
    const fix = "free some disk space on its host, then run the action again";
    return { kind: "refuse", outcome: brokenOutcome("AGENT_DEGRADED", message, request.action, fix) };
  }
  if (!runners.has(request.runner)) {
    const known = [...runners.keys()].sort().join(", ");
    const message = `this agent has no runner '${request.runner}'; it has ${known}`;
    return { kind: "refuse", outcome: brokenOutcome("RUNNER_UNKNOWN", message, request.action) };
  }
  if (!(request.timeout > 0)) {
    const message = `the timeout of ${request.action} is ${request.timeout}; it must be more than 0 seconds`;
    return { kind: "refuse", outcome: brokenOutcome("PARAMETER_INVALID", message, request.action) };
  }
  const outcome = context.outcome(request);
  return outcome === null ? { kind: "accept" } : { kind: "settle", outcome };
}
