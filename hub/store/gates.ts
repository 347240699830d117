/** Gates of concurrency policies: who has a slot, and who waits for one. Each has one record, and one row for each who waits. */
import type { Execution, Gate } from "../../shared/model/execution.ts";
import type { Draft } from "./draft.ts";
import { keys } from "./keys.ts";

export interface GateRecord {
  readonly key: string;
  /** Executions that were let through and have not ended. */
  readonly holders: readonly string[];
  /** Numbers of the rows of those who wait: `first` to `last`. Some may have ended while they waited. */
  readonly queue: { readonly first: number; readonly last: number };
}

/** How many a gate lets through at once, by what its policy says now. */
export type LimitOf = (gate: Gate) => number;

const noQueue = { first: 1, last: 0 };

export const gateOf = (draft: Draft, key: string): GateRecord =>
  draft.get<GateRecord>(keys.gate(key)) ?? { key, holders: [], queue: noQueue };
export const hasQueue = ({ queue }: GateRecord) => queue.last >= queue.first;

function putGate(draft: Draft, gate: GateRecord): void {
  if (gate.holders.length > 0 || hasQueue(gate)) draft.put(keys.gate(gate.key), gate);
  else draft.remove(keys.gate(gate.key));
}

export const gatesOf = ({ policies }: Execution): readonly Gate[] => policies?.gates ?? [];

/**
 * The gate that stops it: one that cancels before one that delays. `null`: all have room. `isNew`: whoever waits already
 * goes first.
 */
export function stoppedBy(draft: Draft, execution: Execution, limitOf: LimitOf, isNew: boolean): Gate | null {
  const gates = gatesOf(execution);
  draft.need(gates.map(({ key }) => keys.gate(key)));
  const full = gates.filter((gate) => {
    const record = gateOf(draft, gate.key);
    return record.holders.length >= limitOf(gate) || (isNew && hasQueue(record));
  });
  return full.find(({ action }) => action === "cancel") ?? full[0] ?? null;
}

/** Takes a slot at each of its gates. */
export function enter(draft: Draft, execution: Execution): void {
  for (const { key } of gatesOf(execution)) {
    const record = gateOf(draft, key);
    if (record.holders.includes(execution.id)) continue;
    putGate(draft, { ...record, holders: [...record.holders, execution.id] });
  }
}

/** Gives its slots back. Whoever listens for `gate` changes lets the next ones through. */
export function leave(draft: Draft, execution: Execution): void {
  for (const { key } of gatesOf(execution)) {
    const record = gateOf(draft, key);
    const holders = record.holders.filter((holder) => holder !== execution.id);
    if (holders.length === record.holders.length) continue;
    putGate(draft, { ...record, holders });
    if (hasQueue(record)) draft.change({ type: "gate", gate: key });
  }
}

export function queueUp(draft: Draft, gate: Gate, execution: Execution): void {
  const record = gateOf(draft, gate.key);
  const last = record.queue.last + 1;
  draft.put(keys.gateQueue(gate.key, last), execution.id);
  putGate(draft, { ...record, queue: { ...record.queue, last } });
  // Those before it may have ended while they waited: then it is its turn.
  draft.change({ type: "gate", gate: gate.key });
}

/** Who waits longest; `null` when nobody does. */
export function firstOf(draft: Draft, key: string): string | null {
  const record = gateOf(draft, key);
  return hasQueue(record) ? draft.get<string>(keys.gateQueue(key, record.queue.first)) : null;
}

export function dropFirst(draft: Draft, key: string): void {
  const record = gateOf(draft, key);
  const { first, last } = record.queue;
  draft.remove(keys.gateQueue(key, first));
  putGate(draft, { ...record, queue: first < last ? { first: first + 1, last } : noQueue });
}
