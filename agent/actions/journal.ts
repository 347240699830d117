/** What the agent remembers of each execution, and what may follow what (design: the four places to die). */
import type { Json } from "../../shared/json.ts";
import type { BlobRef } from "../../shared/model/execution.ts";
import type { ActionRequestEntry, ExecutionUpdateEntry } from "../../shared/wire/messages.ts";
import type { QueuedRequest } from "./queue.ts";

/** Names a group of processes beyond doubt, also after a restart of the agent or the host. */
export interface ProcessGroup {
  /** Process group id, which is its leader's process id. */
  readonly pgid: number;
  /** The leader's start, in clock ticks since boot (proc(5), field 22). */
  readonly start_ticks: number;
  readonly boot_id: string;
}

/** On disk before the receipt: the agent has promised to settle this request. */
export interface AcceptedRecord {
  readonly request: ActionRequestEntry;
  readonly at: string;
}

/** On disk before the first side effect. */
export interface StartedRecord {
  readonly at: string;
  /** `null` for a runner that has no process of its own. */
  readonly group: ProcessGroup | null;
  /** 1, or more when an idempotent action was started again. */
  readonly attempt: number;
}

/** Asked to be canceled; also kept for a request that has not come yet. */
export interface CancelRecord {
  readonly at: string;
  readonly reason: string;
}

export type FinalStatus = Extract<
  ExecutionUpdateEntry["status"],
  "succeeded" | "failed" | "timeout" | "abandoned" | "canceled"
>;

/** The last word about an execution, as it went to the hub; a repeated request is answered with it. */
export interface ResultRecord {
  readonly status: FinalStatus;
  readonly result?: Json;
  readonly result_blob?: BlobRef;
  readonly result_key?: string;
  /** The result may hold secrets. */
  readonly secret?: true;
  readonly reason?: string;
  readonly started_at?: string;
  readonly ended_at: string;
}

/** Where an execution stands, as far as this agent has promised anything about it. */
export type JournalState =
  | { readonly phase: "unknown" }
  /** Canceled before its request came. */
  | { readonly phase: "canceled-early"; readonly cancel: CancelRecord }
  | { readonly phase: "accepted"; readonly cancel: CancelRecord | null }
  | { readonly phase: "started"; readonly started: StartedRecord; readonly cancel: CancelRecord | null }
  | { readonly phase: "settled"; readonly result: ResultRecord };

/** What a restart finds of an execution that was not settled. */
export interface OpenExecution {
  readonly execution: string;
  readonly started: StartedRecord | null;
  readonly cancel: CancelRecord | null;
  /** Bytes of the stored request. */
  readonly size: number;
  /** The pack version it needs, which must be kept until it is settled. */
  readonly packDigest: string;
  /** Ref of its action. */
  readonly action: string;
  /** Somebody asked for it; no rule did. */
  readonly byHand: boolean;
  /** Its result may hold secrets. */
  readonly secretResult?: true;
}

/** What the queue has to know of it, the same before and after a restart. */
export function queuedRequest({ execution, size, action, byHand }: OpenExecution): QueuedRequest {
  return { execution, size, action, byHand };
}

/** A run that neither a rule nor a trigger led to: a person waits for it, or a program in a person's place. */
export function isByHand({ rule, trigger_instance }: ActionRequestEntry): boolean {
  return rule === null && trigger_instance === null;
}

export type RecoveryStep =
  /** It had not started: it waits in the queue like any other. */
  | { readonly kind: "queue" }
  /** It had started, and may be started again: what is left of it has to go first. */
  | { readonly kind: "again" }
  /** It had started: what is left of it has to go first, then this is the last word. */
  | { readonly kind: "settle"; readonly status: FinalStatus; readonly reason: string };

/** What to do after a restart with an execution that has no result. Pure: `hubNow` is epoch milliseconds. */
export function recoveryStep(open: OpenExecution, request: ActionRequestEntry, hubNow: number): RecoveryStep {
  if (open.cancel !== null) return { kind: "settle", status: "canceled", reason: open.cancel.reason };
  if (open.started === null) return { kind: "queue" };
  const expired = request.expires_at !== null && Date.parse(request.expires_at) <= hubNow;
  if (request.idempotent && !expired) return { kind: "again" };
  return {
    kind: "settle",
    status: "abandoned",
    reason: `the agent died at or after its start (${open.started.at}); whether it finished is not known`,
  };
}

/** What is kept of settled executions, to answer repeats. */
export interface JournalRetention {
  readonly ageMs: number;
  readonly records: number;
  readonly bytes: number;
}

/** Longer than the hub would ever send again; the caps bound a host that runs hundreds of actions a second. */
export const journalRetention: JournalRetention = {
  ageMs: 7 * 24 * 3600 * 1000,
  records: 500_000,
  bytes: 512 * 1024 * 1024,
};
