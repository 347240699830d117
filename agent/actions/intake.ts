/** Decides what a run of entries from the hub changes, entry by entry in their order. Pure but for ids and times. */

import type { AppendEntry } from "../../shared/link/outbox-store.ts";
import type { NumberedEntry } from "../../shared/link/ports.ts";
import { isPackName } from "../../shared/ref.ts";
import type { StoreOp } from "../../shared/storage/committer-store.ts";
import type {
  ActionRequestEntry,
  AssignmentEntry,
  ControlEntry,
  DownEntry,
  Entry,
  UpgradeEntry,
} from "../../shared/wire/messages.ts";
import { agentKey, agentKeys, wantedUpgrade } from "../store/keys.ts";
import { assignmentRow, type RowSeals } from "../store/row-seals.ts";
import { type AdmitContext, admit } from "./admit.ts";
import type { DispatchMessage } from "./dispatcher.ts";
import { type JournalState, queuedRequest, type ResultRecord } from "./journal.ts";
import type { JournalStore } from "./journal-store.ts";
import type { RunOutcome } from "./outcome.ts";

/** What the journal gives to a plan: texts of rows, and what to remember once they are on disk. */
export type JournalRows = Pick<
  JournalStore,
  | "acceptOps"
  | "purposeOp"
  | "cancelOps"
  | "settleOps"
  | "announcement"
  | "noteAccepted"
  | "noteCanceled"
  | "noteSettled"
>;

export interface IntakeContext extends AdmitContext {
  readonly rows: RowSeals;
  readonly journal: JournalRows;
  /** When it is now, RFC 3339, by the agent's clock. */
  readonly at: string;
  /** Of each execution that the entries name and that the journal may know. */
  readonly states: Map<string, JournalState>;
  /** Names that a restored hub has for executions, by the names they have here (see `renamed`). */
  readonly askedAs: ReadonlyMap<string, string>;
  /** Entry ids of the newest assignments known, by pack. */
  readonly assignments: ReadonlyMap<string, string>;
  /** Entry id of the newest request to upgrade; `""`: none. */
  readonly upgrade: string;
}

/** All of it goes into one batch; then the notes are taken and the messages dispatched, in order. */
export interface IntakePlan {
  readonly ops: StoreOp[];
  readonly updates: AppendEntry[];
  readonly notes: (() => void)[];
  readonly messages: DispatchMessage[];
  readonly assignments: Map<string, string>;
  /** Entry ids of requests to upgrade that are newer than the one before. */
  readonly upgrades: string[];
  /** What is settled with its intake. */
  readonly settled: {
    readonly execution: string;
    readonly status: string;
    readonly reason?: string | undefined;
  }[];
  /** Entries of which nothing can be made, with the reason; they are receipted, and nothing behind them waits. */
  readonly unusable: { readonly id: string; readonly kind: string; readonly reason: string }[];
}

/** What a run of entries is about; a name that is in several of them may be there as often. */
export function namedIn(entries: readonly NumberedEntry<DownEntry>[]) {
  const executions: string[] = [];
  const packs: string[] = [];
  let hasRequest = false;
  let hasUpgrade = false;
  for (const { entry } of entries) {
    if ("execution" in entry) executions.push(entry.execution);
    if (entry.kind === "assignment") packs.push(entry.pack);
    hasRequest ||= entry.kind === "action-request";
    hasUpgrade ||= entry.kind === "upgrade";
  }
  return { executions, packs, hasRequest, hasUpgrade };
}

/** The entries with the names that executions have here. */
export function renamed(
  entries: readonly NumberedEntry<DownEntry>[],
  earlier: ReadonlyMap<string, string>,
): readonly NumberedEntry<DownEntry>[] {
  if (earlier.size === 0) return entries;
  return entries.map((numbered): NumberedEntry<DownEntry> => {
    const { entry } = numbered;
    const execution = "execution" in entry ? earlier.get(entry.execution) : undefined;
    return execution === undefined ? numbered : { ...numbered, entry: { ...entry, execution } as DownEntry };
  });
}

export function planIntake(entries: readonly NumberedEntry<DownEntry>[], context: IntakeContext): IntakePlan {
  const plan: IntakePlan = {
    ops: [],
    updates: [],
    notes: [],
    messages: [],
    assignments: new Map(),
    upgrades: [],
    settled: [],
    unusable: [],
  };
  for (const { entry } of entries) {
    switch (entry.kind) {
      case "action-request":
        takeRequest(entry, context, plan);
        break;
      case "cancel":
        takeCancel(entry, context, plan);
        break;
      case "pause":
        plan.messages.push({ execution: entry.execution, status: "pausing" });
        break;
      case "resume":
        plan.messages.push({ execution: entry.execution, status: "resuming" });
        break;
      case "assignment":
        takeAssignment(entry, context, plan);
        break;
      case "upgrade":
        takeUpgrade(entry, context, plan);
        break;
      case "void":
        // Takes the place of what lost its sense: only the mark moves.
        break;
      default:
        plan.unusable.push({
          id: (entry as Entry).id,
          kind: (entry as Entry).kind,
          reason: "this agent does not know the kind",
        });
    }
  }
  return plan;
}

function takeRequest(request: ActionRequestEntry, context: IntakeContext, plan: IntakePlan): void {
  const { journal, states } = context;
  const { execution } = request;
  const state = states.get(execution) ?? { phase: "unknown" };
  const admission = admit(request, state, context);
  switch (admission.kind) {
    case "repeat":
      return;
    case "answer":
      // Under the name by which the hub knows it now.
      plan.updates.push(journal.announcement(context.askedAs.get(execution) ?? execution, admission.result));
      return;
    case "accept": {
      const { ops, open } = journal.acceptOps(request);
      plan.ops.push(...ops);
      const { action, trigger_instance } = request;
      plan.updates.push(journal.announcement(execution, { status: "accepted", action, trigger_instance }));
      plan.notes.push(() => journal.noteAccepted(open, request));
      plan.messages.push({ execution, status: "scheduled", request: queuedRequest(open) });
      states.set(execution, { phase: "accepted", cancel: null });
      return;
    }
    case "settle": {
      const { action, trigger_instance, secret = [] } = request;
      const { at } = context;
      const result: ResultRecord = {
        ...resultRecord(admission.outcome, at),
        started_at: at,
        ...(secret.includes("result") && { secret: true }),
      };
      const { entry, ops, size } = journal.settleOps(execution, result);
      plan.ops.push(...ops, journal.purposeOp(execution));
      // That it was accepted, that it started and how it ended in one.
      plan.updates.push({ ...entry, action, trigger_instance });
      plan.notes.push(() => journal.noteSettled(execution, size));
      plan.settled.push({ execution, status: result.status, reason: result.reason });
      states.set(execution, { phase: "settled", result });
      return;
    }
    case "refuse": {
      const early = state.phase === "canceled-early" ? state.cancel : null;
      const result = resultRecord(admission.outcome, context.at);
      const { entry, ops, size } = journal.settleOps(execution, result, early);
      plan.ops.push(...ops, journal.purposeOp(execution));
      plan.updates.push(entry);
      plan.notes.push(() => journal.noteSettled(execution, size, early));
      states.set(execution, { phase: "settled", result });
    }
  }
}

/** The hub's newer epochs pass its older ones: a cancel may come before the request it is about. */
function takeCancel(entry: ControlEntry, { journal, states }: IntakeContext, plan: IntakePlan): void {
  const { execution, reason = "canceled by the hub" } = entry;
  const state = states.get(execution) ?? { phase: "unknown" };
  if (state.phase === "settled" || state.phase === "canceled-early") return;
  const { ops, cancel } = journal.cancelOps(execution, reason, state.phase === "unknown");
  plan.ops.push(...ops);
  plan.notes.push(() => journal.noteCanceled(execution, cancel));
  if (state.phase === "unknown") {
    states.set(execution, { phase: "canceled-early", cancel });
  } else {
    plan.messages.push({ execution, status: "canceling", reason });
    states.set(execution, { ...state, cancel });
  }
}

/** The newest counts, by the order in which the hub made them, not by that in which they came. */
function takeAssignment(
  entry: AssignmentEntry,
  { assignments, rows }: IntakeContext,
  plan: IntakePlan,
): void {
  if (!isPackName(entry.pack)) {
    plan.unusable.push({ id: entry.id, kind: entry.kind, reason: `no pack can be called '${entry.pack}'` });
    return;
  }
  const newest = plan.assignments.get(entry.pack) ?? assignments.get(entry.pack) ?? "";
  if (entry.id <= newest) return;
  plan.assignments.set(entry.pack, entry.id);
  plan.ops.push({
    type: "put",
    key: agentKey(agentKeys.assignment, entry.pack),
    value: assignmentRow(entry, rows),
  });
}

/** As with assignments: the newest counts. */
function takeUpgrade(entry: UpgradeEntry, { upgrade }: IntakeContext, plan: IntakePlan): void {
  if (entry.id <= (plan.upgrades.at(-1) ?? upgrade)) return;
  plan.upgrades.push(entry.id);
  plan.ops.push({ type: "put", key: wantedUpgrade, value: JSON.stringify(entry) });
}

function resultRecord(outcome: RunOutcome, endedAt: string): ResultRecord {
  const { status, result, reason } = outcome;
  return { status, result, ...(reason !== undefined && { reason }), ended_at: endedAt };
}
