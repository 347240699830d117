/** A change of a file as the API shows it: what people ask for in front, the whole payload behind. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import { changeFields, type FileAck, type FileChange } from "../../shared/model/file-change.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";

export interface FileChangeView {
  /** Of the trigger instance. */
  readonly id: string;
  readonly agent: string | null;
  readonly host: string | null;
  /** When it happened, as near as the agent knows, by its clock. */
  readonly time: string;
  readonly received_at: string;
  readonly late: boolean;
  readonly status: string | null;
  readonly path: string | null;
  readonly old_path: string | null;
  readonly kind: string | null;
  readonly user: string | null;
  readonly exe: string | null;
  readonly via: string | null;
  readonly detected_by: string | null;
  readonly offline: boolean;
  readonly severity: string | null;
  readonly burst: string | null;
  readonly expected: Json;
  readonly acknowledged: Omit<FileAck, "change"> | null;
  readonly payload: TriggerInstance["payload"];
}

export function fileChangeView({ instance, ack }: FileChange): FileChangeView {
  const fields = changeFields(instance);
  const actor = (isObject(fields.actor) ? fields.actor : {}) as JsonObject;
  return {
    id: instance.id,
    agent: instance.origin.agent,
    host: instance.origin.host,
    time: text(fields.time) ?? instance.occurrence_time,
    received_at: instance.received_at,
    late: instance.late,
    status: text(fields.status),
    path: text(fields.path),
    old_path: text(fields.old_path),
    kind: text(fields.kind),
    user: text(actor.user) ?? (typeof actor.uid === "number" ? String(actor.uid) : null),
    exe: text(actor.exe),
    via: text(fields.via),
    detected_by: text(fields.detected_by),
    offline: fields.offline === true,
    severity: text(fields.severity),
    burst: text(fields.burst),
    expected: fields.expected ?? null,
    acknowledged: ack === null ? null : { by: ack.by, at: ack.at, reason: ack.reason },
    payload: instance.payload,
  };
}

const text = (value: Json | undefined) => (typeof value === "string" ? value : null);
