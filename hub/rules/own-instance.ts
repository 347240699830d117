/** A trigger instance that no agent sent: the hub itself tells it. Pure. */
import { timestamp } from "../../shared/clock.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";

export interface OwnNews {
  readonly id: string;
  /** Ref of the trigger type. */
  readonly trigger: string;
  readonly payload: Json;
  /** Which of its type it is; without it, all. */
  readonly parameters?: JsonObject;
  /** Of the agent it is about, so that rules can be for some agents only. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly late?: boolean;
  readonly trace_tag?: string | null;
  /** Rules through which it came to this. */
  readonly lineage?: readonly string[];
}

/** A pending one that occurs at `nowMs`. */
export function ownInstance(news: OwnNews, nowMs: number): TriggerInstance {
  const {
    id,
    trigger,
    payload,
    parameters,
    labels = {},
    late = false,
    trace_tag = null,
    lineage = [],
  } = news;
  const at = timestamp(nowMs);
  return {
    id,
    trigger,
    ...(parameters !== undefined && { parameters }),
    payload,
    origin: { agent: null, host: null, labels },
    occurrence_time: at,
    received_at: at,
    status: "pending",
    reason: null,
    late,
    trace_tag,
    validation: null,
    re_emit_of: null,
    rule_set_version: null,
    ...(lineage.length > 0 && { lineage }),
  };
}
