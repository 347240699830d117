/** One run of an action on one agent, with StackStorm's statuses. */
import type { Json, JsonObject } from "../json.ts";

export const statuses = [
  "requested",
  "delayed",
  "scheduled",
  "running",
  "succeeded",
  "failed",
  "timeout",
  "abandoned",
  "canceling",
  "canceled",
  "pending",
  "pausing",
  "paused",
  "resuming",
] as const;

export type Status = (typeof statuses)[number];

export interface LogEntry {
  readonly status: Status;
  readonly timestamp: string;
  readonly reason?: string;
}

/** Where an execution may have to wait, since a concurrency policy counts it with others. */
export interface Gate {
  /** Names what is counted together. */
  readonly key: string;
  /** Ref of the policy. */
  readonly policy: string;
  readonly threshold: number;
  readonly action: "delay" | "cancel";
}

export interface Retry {
  readonly policy: string;
  readonly on: "failure" | "timeout";
  /** Attempts beyond the first. */
  readonly most: number;
  /** Seconds. */
  readonly delay: number;
}

/** As the policies were when it was made. */
export interface ExecutionPolicies {
  readonly gates: readonly Gate[];
  readonly retries: readonly Retry[];
}

/** One action on many agents. Its execution names the agent `*`; each agent has one of its own, the children. */
export interface FanOut {
  /** In the order in which they are started. */
  readonly agents: readonly string[];
  /** So many at once; `null`: all. */
  readonly batch: number | null;
  /** The first so many alone. */
  readonly canary: number;
  /** When more have failed, no more are started; `null`: however many fail. */
  readonly max_failures: number | null;
  /** How far it is. */
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
}

/**
 * What is secret in an execution, encrypted for its place in this record; where it was, the record has a mask. Who reads it
 * needs the hub's key.
 */
export interface SealedFields {
  readonly parameters?: string;
  readonly result?: string;
  readonly late_result?: string;
  /** The key to `result_blob`, or to that of the late result, when the blob is encrypted. */
  readonly result_key?: string;
  readonly late_result_key?: string;
  /** What the action said of its result when this was made; absent: that nothing in it is secret. */
  readonly output?: JsonObject;
  /** What could not be encrypted, and so is not kept. */
  readonly left_out?: readonly LeftOut[];
}

/** Something of a result that is not there, and why. */
export interface LeftOut {
  readonly field: "result" | "late_result";
  /** `whole`: the key to its blob could not be kept, or all of it, which waited in a dead letter. */
  readonly what: "secrets" | "whole";
  /** Of the error. */
  readonly code: string;
  readonly message: string;
}

export interface Execution {
  readonly id: string;
  /** Action ref. */
  readonly action: string;
  readonly runner: string;
  /** The agent it runs on. */
  readonly agent: string;
  readonly status: Status;
  readonly parameters: JsonObject;
  /** The runner's result; `null` until there is one. */
  readonly result: Json;
  /** Set when the result was too large for an entry. */
  readonly result_blob: BlobRef | null;
  readonly rule: string | null;
  readonly trigger_instance: string | null;
  readonly enforcement: string | null;
  readonly user: string;
  readonly trace_tag: string | null;
  readonly created_at: string;
  readonly start_timestamp: string | null;
  readonly end_timestamp: string | null;
  /** RFC 3339, hub time; after it the agent does not start it any more. */
  readonly expires_at: string | null;
  readonly idempotent: boolean;
  readonly pack_digest: string;
  readonly attempt: number;
  readonly rerun_of: string | null;
  /** Every change of status, oldest first. */
  readonly log: readonly LogEntry[];
  /** Why it is where it is, when that needs saying. */
  readonly reason: string | null;
  /** A true result that came after the execution had been given up. */
  readonly late_result: Json;
  /** Rules that led to the trigger behind it, the oldest first, without its own; absent when there are none. */
  readonly lineage?: readonly string[];
  readonly rev: number;
  /** Absent when no policy is for its action. */
  readonly policies?: ExecutionPolicies;
  /** RFC 3339, hub time; absent: it was to start at once. */
  readonly start_at?: string;
  /** The policy that made it of an execution that ended (`rerun_of`); absent: nobody repeats anything. */
  readonly retried_by?: string;
  /** The execution that runs this one among others. */
  readonly parent?: string;
  /** Only of one that runs others. */
  readonly fan_out?: FanOut;
  /** Absent of one that an earlier version made, which knew of no such thing: what is secret in it is not encrypted. */
  readonly sealed?: SealedFields;
}

/** Content named by its digest and kept apart from records. */
export interface BlobRef {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** True when the content was cut at the cap of 16 MiB. */
  readonly truncated?: boolean;
}
