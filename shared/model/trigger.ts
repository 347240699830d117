/** Trigger types, and what occurred: trigger instances. */
import type { Json, JsonObject } from "../json.ts";

export interface TriggerType {
  readonly ref: string;
  readonly pack: string;
  readonly name: string;
  readonly description: string;
  /** JSON schema of the payload; `{}` accepts anything. */
  readonly payload_schema: JsonObject;
  readonly parameters_schema: JsonObject;
  /** What happens to a payload that does not fit its schema. */
  readonly payload_validation: "warn" | "drop" | "off";
}

/** Where a trigger came from; labels as they were at intake. */
export interface Origin {
  /** Agent id; `null` when the hub itself made the instance. */
  readonly agent: string | null;
  readonly host: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** StackStorm's statuses of a trigger instance. */
export type TriggerInstanceStatus = "pending" | "processing" | "processed" | "processing_failed";

export interface TriggerInstance {
  /** The id of the ledger entry that brought it (a ULID made by the agent). */
  readonly id: string;
  /** Ref of the trigger type. */
  readonly trigger: string;
  /** Of the trigger, where its type takes some and the sensor says which: only rules that want these see it. */
  readonly parameters?: JsonObject;
  readonly payload: Json;
  readonly origin: Origin;
  /** RFC 3339, by the agent's clock. */
  readonly occurrence_time: string;
  /** RFC 3339, by the hub's clock: order and retention use this one. */
  readonly received_at: string;
  readonly status: TriggerInstanceStatus;
  /** Why processing failed. */
  readonly reason: string | null;
  /** It comes later than it happened: from an older epoch, or after a time offline. */
  readonly late: boolean;
  readonly trace_tag: string | null;
  /** Set when the payload did not fit its schema and was delivered nevertheless. */
  readonly validation: readonly string[] | null;
  readonly re_emit_of: string | null;
  /** Version of the rule set that judged it; `null` while pending. */
  readonly rule_set_version: number | null;
  /** Rules through which it came to this, the oldest first; absent when no rule's execution is behind it. */
  readonly lineage?: readonly string[];
}
