/** After a restore from a backup: what becomes of news about executions that this database does not have. Pure. */
import { timestamp } from "../../shared/clock.ts";
import { isUlid, purposeOf, ulidTime } from "../../shared/ids.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { ExecutionUpdateEntry } from "../../shared/wire/messages.ts";

export interface Recovery {
  /** When the database was restored, hub time in ms. */
  readonly restoredAtMs: number;
  /** Executions of the agent that have not ended. */
  readonly open: () => Promise<readonly Execution[]>;
  /** What a trigger instance led to; `null` for one that this hub does not have. */
  readonly family: (instance: string) => Promise<readonly Execution[] | null>;
}

export const recoveredReason = "recovered: the hub was restored from a backup that does not have it";

/** The execution that this hub has made for the same purpose, when its trigger came in again. */
export function remade(id: string, agent: string, among: readonly Execution[]): Execution | null {
  const purpose = purposeOf(id);
  return among.find((each) => each.agent === agent && purposeOf(each.id) === purpose) ?? null;
}

/** True when the backup may have been too old to have it; otherwise this hub has never made it. */
export function mayBeLost(id: string, restoredAtMs: number): boolean {
  return isUlid(id) && ulidTime(id) < restoredAtMs;
}

/**
 * The record of an execution of which an agent says that it has accepted it, by itself or with how it ended; `null` when
 * it says too little. Its parameters were in the lost record alone.
 */
export function recoveredExecution(
  entry: ExecutionUpdateEntry,
  agent: string,
  nowMs: number,
): Execution | null {
  const { execution: id, action, trigger_instance = null } = entry;
  if (action === undefined) return null;
  return {
    id,
    action,
    runner: "unknown",
    agent,
    status: "scheduled",
    parameters: {},
    result: null,
    result_blob: null,
    rule: null,
    trigger_instance,
    enforcement: null,
    user: "unknown",
    trace_tag: null,
    created_at: timestamp(ulidTime(id)),
    start_timestamp: null,
    end_timestamp: null,
    expires_at: null,
    idempotent: false,
    pack_digest: "",
    attempt: 1,
    rerun_of: null,
    log: [{ status: "scheduled", timestamp: timestamp(nowMs), reason: recoveredReason }],
    reason: recoveredReason,
    late_result: null,
    rev: 1,
  };
}
