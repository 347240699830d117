/** The down ledger's rules: numbering, cap, receipts, and what waits for room. */
import { PetrelError } from "../../shared/errors.ts";
import { isControlKind } from "../../shared/link/control.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { type DownEntry, maxEntryBytes, type VoidEntry } from "../../shared/wire/messages.ts";
import { nextStatus, step } from "../executions/life.ts";
import type { Draft } from "./draft.ts";
import { putExecution } from "./execution-record.ts";
import { keys } from "./keys.ts";
import type { Dispatch } from "./port/ledgers.ts";
import { sentSize } from "./sent-size.ts";

export interface DownEpoch {
  readonly id: string;
  /** The run of the store that opened it; a later run numbers nothing in it. */
  readonly run: string;
  /** It holds control entries, which pass everything else and need no room. */
  readonly isControl?: true;
  /** Oldest number still held; `last + 1` when there is none. */
  readonly first: number;
  readonly last: number;
  /** Bytes of all entries ever written to it, and of those that are gone. */
  readonly written: number;
  readonly freed: number;
}

/** One record an agent: where its down ledger stands. */
export interface DownHead {
  /** Oldest first. */
  readonly epochs: readonly DownEpoch[];
  /** Numbers of the rows that wait for room: `first` to `last`. */
  readonly waiting: { readonly first: number; readonly last: number };
}

/** `upTo`: bytes of the epoch's entries up to and including this one, so that a receipt frees them with one read. */
export interface DownRow {
  readonly upTo: number;
  readonly size: number;
  readonly entry: DownEntry;
}

export interface WaitingRow {
  readonly entry: DownEntry;
  /** Its execution was delayed for it; when it no longer is, the request must not be sent any more. */
  readonly delays: boolean;
}

export interface LedgerRules {
  /** Differs for each opening of the store. */
  readonly run: string;
  readonly newEpochId: () => string;
  readonly now: () => number;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

const fullReason = "the agent has too many requests waiting";
/** Entries moved in one batch when there is room again. */
const refillEntries = 64;

const empty: DownHead = { epochs: [], waiting: { first: 1, last: 0 } };

export const headOf = (draft: Draft, agent: string) => draft.get<DownHead>(keys.head(agent)) ?? empty;
export const waitingCount = ({ waiting }: DownHead) => waiting.last - waiting.first + 1;

/** Control entries do not count: there are no more of them than executions to stop and packs to run. */
function fill(head: DownHead): { entries: number; bytes: number } {
  let entries = 0;
  let bytes = 0;
  for (const epoch of head.epochs) {
    if (epoch.isControl) continue;
    entries += epoch.last - epoch.first + 1;
    bytes += epoch.written - epoch.freed;
  }
  return { entries, bytes };
}

function hasRoom(head: DownHead, rules: LedgerRules, size: number): boolean {
  const { entries, bytes } = fill(head);
  return entries === 0 || (entries < rules.maxEntries && bytes + size <= rules.maxBytes);
}

/** The execution as it is stored while its request waits; it has not been sent, so it was never `scheduled`. */
export function delayed(execution: Execution, rules: LedgerRules): Execution {
  if (execution.status === "delayed") return execution;
  const log = execution.log.filter(({ status }) => status !== "scheduled");
  const requested: Execution = { ...execution, status: "requested", log };
  const waits = step(requested, { type: "delay", at: rules.now(), reason: fullReason });
  return waits.moved ? { ...waits.execution, rev: execution.rev } : execution;
}

const isOfKind = (isControl: boolean) => (epoch: DownEpoch) => (epoch.isControl ?? false) === isControl;

/** Adds an epoch with a random id; older ones that hold nothing are forgotten. */
export function openEpoch(
  head: DownHead,
  rules: LedgerRules,
  isControl = false,
): DownHead & { epoch: DownEpoch } {
  const { newEpochId, run } = rules;
  const kind = isControl ? { isControl } : {};
  const epoch: DownEpoch = { id: newEpochId(), run, ...kind, first: 1, last: 0, written: 0, freed: 0 };
  return {
    epochs: [...head.epochs.filter(({ first, last }) => first <= last), epoch],
    waiting: head.waiting,
    epoch,
  };
}

/**
 * Numbers an entry in the agent's current epoch of its kind, or lets it wait when the ledger is full. A control entry
 * never waits: it may be what empties an agent that is full.
 * LINK_ENTRY_TOO_LARGE beyond 128 KiB as it is sent: the agent could never take it.
 */
export function dispatch(
  draft: Draft,
  rules: LedgerRules,
  { agent, entry }: Dispatch,
  delays: boolean,
): "numbered" | "waiting" {
  const text = JSON.stringify(entry);
  const size = Buffer.byteLength(text);
  const sent = sentSize(entry, size);
  if (sent > maxEntryBytes) {
    throw new PetrelError("LINK_ENTRY_TOO_LARGE", `an entry for agent ${agent} has ${sent} bytes`, {
      where: `${entry.kind} ${entry.id}`,
      hint: "pass large parameters as a blob",
    });
  }
  const head = headOf(draft, agent);
  // Whoever waits goes first: requests of one agent are never reordered.
  if (!isControlKind(entry.kind) && (waitingCount(head) > 0 || !hasRoom(head, rules, size))) {
    const last = head.waiting.last + 1;
    draft.put(keys.waiting(agent, last), { entry, delays } satisfies WaitingRow);
    draft.put(keys.head(agent), { ...head, waiting: { ...head.waiting, last } } satisfies DownHead);
    return "waiting";
  }
  append(draft, rules, agent, head, { entry, text, size });
  return "numbered";
}

function append(
  draft: Draft,
  rules: LedgerRules,
  agent: string,
  head: DownHead,
  { entry, text, size }: { entry: DownEntry; text: string; size: number },
): void {
  // An epoch of an earlier run is never continued: had the store been rolled back (a restored backup, a snapshot),
  // the agent might have seen other entries under the same numbers.
  const isControl = isControlKind(entry.kind);
  const current = head.epochs.findLast(isOfKind(isControl));
  const opened = current?.run === rules.run ? null : openEpoch(head, rules, isControl);
  const { epochs, waiting } = opened ?? head;
  const epoch = opened?.epoch ?? current;
  if (epoch === undefined) throw new Error("a ledger without an epoch");
  const n = epoch.last + 1;
  const written = epoch.written + size;
  draft.put(
    keys.down(agent, epoch.id, n),
    { upTo: written, size, entry } satisfies DownRow,
    `{"upTo":${written},"size":${size},"entry":${text}}`,
  );
  const grown: DownEpoch = { ...epoch, last: n, written };
  const all = epochs.map((each) => (each === epoch ? grown : each));
  draft.put(keys.head(agent), { epochs: all, waiting } satisfies DownHead);
  draft.change({ type: "down", agent });
}

/** The agent has everything up to `upTo`: deletes it. Resolves to whether something waits for the room. */
export function receipt(draft: Draft, agent: string, epochId: string, upTo: number): boolean {
  const head = headOf(draft, agent);
  const epoch = head.epochs.find(({ id }) => id === epochId);
  if (epoch === undefined) return waitingCount(head) > 0;
  const last = Math.min(Math.floor(upTo), epoch.last);
  if (!(last >= epoch.first)) return waitingCount(head) > 0;
  const row = draft.get<DownRow>(keys.down(agent, epoch.id, last));
  for (let n = epoch.first; n <= last; n++) draft.remove(keys.down(agent, epoch.id, n));
  const shrunk: DownEpoch = { ...epoch, first: last + 1, freed: row?.upTo ?? epoch.freed };
  const isCurrent = epoch === head.epochs.findLast(isOfKind(epoch.isControl ?? false));
  const epochs = head.epochs
    .map((each) => (each === epoch ? shrunk : each))
    .filter((each) => each !== shrunk || isCurrent || shrunk.first <= shrunk.last);
  draft.put(keys.head(agent), { ...head, epochs } satisfies DownHead);
  return waitingCount(head) > 0;
}

/**
 * Moves what waits into the ledger while there is room, oldest first; its executions are no longer `delayed`.
 * A request whose execution has moved on meanwhile (canceled, say) is left out, for which no room is needed. Answers
 * whether to go on at once.
 */
export function refill(draft: Draft, rules: LedgerRules, agent: string): boolean {
  const start = headOf(draft, agent);
  const numbers: number[] = [];
  for (let n = start.waiting.first; n <= start.waiting.last && numbers.length < refillEntries; n++) {
    numbers.push(n);
  }
  draft.need(numbers.map((n) => keys.waiting(agent, n)));
  const rows = numbers.map((n) => draft.get<WaitingRow>(keys.waiting(agent, n)));
  draft.need(rows.flatMap((row) => executionKey(row)));
  for (const [index, n] of numbers.entries()) {
    const row = rows[index] ?? null;
    const head = headOf(draft, agent);
    if (row !== null) {
      const text = JSON.stringify(row.entry);
      const size = Buffer.byteLength(text);
      // An older version let control entries wait as well.
      const needsRoom = !isControlKind(row.entry.kind) && !isOver(draft, row);
      if (needsRoom && !hasRoom(head, rules, size)) return false;
      if (mayGo(draft, rules, row)) append(draft, rules, agent, head, { entry: row.entry, text, size });
    }
    draft.remove(keys.waiting(agent, n));
    const { epochs } = headOf(draft, agent);
    draft.put(keys.head(agent), {
      epochs,
      waiting: { first: n + 1, last: start.waiting.last },
    } satisfies DownHead);
  }
  return waitingCount(headOf(draft, agent)) > 0;
}

function executionKey(row: WaitingRow | null): string[] {
  return row?.delays && "execution" in row.entry ? [keys.execution(row.entry.execution)] : [];
}

/** True when its execution has ended while the request waited. */
function isOver(draft: Draft, row: WaitingRow): boolean {
  if (!row.delays || !("execution" in row.entry)) return false;
  const execution = draft.get<Execution>(keys.execution(row.entry.execution));
  return execution === null || nextStatus(execution.status, "schedule") === null;
}

/**
 * To be called when an execution that was `delayed` has ended: takes requests out of the queue that wait for nothing any
 * more. Receipts do that too, but an agent that never comes back sends none.
 */
export function dropOver(draft: Draft, rules: LedgerRules, agent: string): void {
  const { waiting } = headOf(draft, agent);
  const oldest = draft.get<WaitingRow>(keys.waiting(agent, waiting.first));
  if (oldest !== null && isOver(draft, oldest)) refill(draft, rules, agent);
}

/** Takes its execution out of `delayed`; false when that is no longer where it is. */
function mayGo(draft: Draft, rules: LedgerRules, row: WaitingRow): boolean {
  if (!row.delays || !("execution" in row.entry)) return true;
  const execution = draft.get<Execution>(keys.execution(row.entry.execution));
  if (execution === null) return false;
  const scheduled = step({ ...execution, reason: null }, { type: "schedule", at: rules.now() });
  if (scheduled.moved) putExecution(draft, execution, scheduled.execution);
  return scheduled.moved;
}

/** Replaces entry `n` by a void one; answers what was there, `null` when it is gone or void already. */
export function park(
  draft: Draft,
  agent: string,
  epochId: string,
  n: number,
  reason: string,
): DownEntry | null {
  const epoch = headOf(draft, agent).epochs.find(({ id }) => id === epochId);
  if (epoch === undefined || n < epoch.first || n > epoch.last) return null;
  const row = draft.get<DownRow>(keys.down(agent, epochId, n));
  if (row === null || row.entry.kind === "void") return null;
  const entry: VoidEntry = { id: row.entry.id, at: row.entry.at, kind: "void", from: n, to: n, reason };
  const size = Buffer.byteLength(JSON.stringify(entry));
  draft.put(keys.down(agent, epochId, n), { upTo: row.upTo, size, entry } satisfies DownRow);
  return row.entry;
}
