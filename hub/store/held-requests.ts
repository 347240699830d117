/** Requests that wait on disk: for their time, or for a slot of a policy. Their executions are `delayed`. */
import { parseTimestamp } from "../../shared/clock.ts";
import type { Execution, Gate } from "../../shared/model/execution.ts";
import { step } from "../executions/life.ts";
import { startHeldJob } from "../policies/job-kinds.ts";
import type { LedgerRules } from "./down-ledger.ts";
import type { Draft } from "./draft.ts";
import { keepBlob, putExecution } from "./execution-record.ts";
import { dropFirst, enter, firstOf, gateOf, hasQueue, type LimitOf, queueUp, stoppedBy } from "./gates.ts";
import { putJob } from "./job-record.ts";
import { keys } from "./keys.ts";
import type { Dispatch } from "./port/ledgers.ts";
import { send } from "./send-request.ts";

/** Let through in one batch when a gate has room again. */
const atOnce = 64;

/** Told of an execution that ends while its request waits. */
export type TellEnd = (before: Execution, ended: Execution) => void;

const fullReason = ({ policy, threshold }: Gate) => `policy ${policy}: ${threshold} at once`;

/**
 * To be asked before a new request is sent. The execution as it is when the request may not go yet, or not at all;
 * `null` when it may: then its slots are taken.
 */
export function heldBack(
  draft: Draft,
  rules: LedgerRules,
  each: Dispatch,
  execution: Execution,
): Execution | null {
  // What most executions have: nothing is read or written for them.
  if (execution.policies === undefined && execution.start_at === undefined) return null;
  if (execution.status !== "scheduled" || each.entry.kind !== "action-request") return null;
  const startMs = parseTimestamp(execution.start_at ?? "") ?? 0;
  if (startMs > rules.now()) {
    hold(draft, each);
    const data = { execution: execution.id };
    putJob(draft, { id: `${startHeldJob}/${execution.id}`, kind: startHeldJob, dueAt: startMs, data });
    return turned(execution, rules, "delay", `starts at ${execution.start_at}`);
  }
  const gate = stoppedBy(draft, execution, ({ threshold }) => threshold, true);
  if (gate === null) {
    enter(draft, execution);
    return null;
  }
  if (gate.action === "cancel") return turned(execution, rules, "cancel", fullReason(gate));
  hold(draft, each);
  queueUp(draft, gate, execution);
  return turned(execution, rules, "delay", fullReason(gate));
}

function hold(draft: Draft, each: Dispatch): void {
  if (each.entry.kind !== "action-request") return;
  if (each.entry.parameters_blob !== undefined)
    keepBlob(draft, each.entry.execution, each.entry.parameters_blob);
  draft.put(keys.held(each.entry.execution), each);
}

/** A new execution as it is stored when its request is not sent: it was never `scheduled`. */
function turned(
  execution: Execution,
  rules: LedgerRules,
  type: "delay" | "cancel",
  reason: string,
): Execution {
  const log = execution.log.filter(({ status }) => status !== "scheduled");
  const turn = step({ ...execution, status: "requested", log }, { type, at: rules.now(), reason });
  return turn.moved ? { ...turn.execution, rev: execution.rev } : execution;
}

/** Sends a request whose time has come, unless a gate stops it. One that is not held any more is left alone. */
export function startHeld(
  draft: Draft,
  rules: LedgerRules,
  id: string,
  limitOf: LimitOf,
  tell: TellEnd,
): void {
  const found = waitingOne(draft, id);
  if (found === null) return;
  const { execution, request } = found;
  const gate = stoppedBy(draft, execution, limitOf, true);
  if (gate === null) letGo(draft, rules, execution, request);
  else if (gate.action === "cancel") refuse(draft, rules, execution, gate, tell);
  else {
    queueUp(draft, gate, execution);
    sayWhy(draft, execution, gate);
  }
}

/**
 * Lets those through who wait at this gate, oldest first, while there is room. One that another gate stops waits there
 * from now on: nobody holds a slot while waiting for another, so that none can block each other. Answers whether to go
 * on at once.
 */
export function admit(
  draft: Draft,
  rules: LedgerRules,
  key: string,
  limitOf: LimitOf,
  tell: TellEnd,
): boolean {
  for (let n = 0; n < atOnce; n++) {
    const id = firstOf(draft, key);
    if (id === null) {
      if (!hasQueue(gateOf(draft, key))) return false;
      dropFirst(draft, key);
      continue;
    }
    const found = waitingOne(draft, id);
    if (found === null) {
      dropFirst(draft, key);
      continue;
    }
    const { execution, request } = found;
    const gate = stoppedBy(draft, execution, limitOf, false);
    if (gate?.key === key && gate.action === "delay") return false;
    dropFirst(draft, key);
    if (gate === null) letGo(draft, rules, execution, request);
    else if (gate.action === "cancel") refuse(draft, rules, execution, gate, tell);
    else {
      queueUp(draft, gate, execution);
      sayWhy(draft, execution, gate);
    }
  }
  return hasQueue(gateOf(draft, key));
}

function waitingOne(
  draft: Draft,
  id: string,
): { readonly execution: Execution; readonly request: Dispatch } | null {
  draft.need([keys.execution(id), keys.held(id)]);
  const execution = draft.get<Execution>(keys.execution(id));
  const request = draft.get<Dispatch>(keys.held(id));
  if (execution === null || request === null || execution.status !== "delayed") return null;
  return { execution, request };
}

function letGo(draft: Draft, rules: LedgerRules, execution: Execution, request: Dispatch): void {
  const scheduled = step({ ...execution, reason: null }, { type: "schedule", at: rules.now() });
  if (!scheduled.moved) return;
  enter(draft, execution);
  draft.remove(keys.held(execution.id));
  const waits = send(draft, rules, request, scheduled.execution);
  putExecution(draft, execution, waits ?? scheduled.execution);
}

function refuse(draft: Draft, rules: LedgerRules, execution: Execution, gate: Gate, tell: TellEnd): void {
  const canceled = step(execution, { type: "cancel", at: rules.now(), reason: fullReason(gate) });
  if (!canceled.moved) return;
  putExecution(draft, execution, canceled.execution);
  tell(execution, canceled.execution);
}

/** It goes on waiting, for something else. */
function sayWhy(draft: Draft, execution: Execution, gate: Gate): void {
  putExecution(draft, execution, { ...execution, reason: fullReason(gate), rev: execution.rev + 1 });
}
