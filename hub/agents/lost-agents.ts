/** Gives up what was running on agents that have been away for too long (design: an uncertain state is named). */
import { parseTimestamp } from "../../shared/clock.ts";
import type { Logger } from "../../shared/log.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution, Status } from "../../shared/model/execution.ts";
import { step } from "../executions/life.ts";
import type { Store } from "../store/store.ts";
import type { AgentRegistry } from "./agent-registry.ts";

/**
 * Statuses in which an action may be doing something that nobody hears of. What only waits, goes on waiting until it has
 * expired: then its agent would not run it any more, but may have run it before it went.
 */
const uncertain: ReadonlySet<Status> = new Set(["running", "canceling", "pausing", "resuming"]);

/** True when the agent has been away for longer than `afterMs`. */
export function isLost(
  agent: Pick<AgentRecord, "online" | "last_seen">,
  nowMs: number,
  afterMs: number,
): boolean {
  const seenMs = parseTimestamp(agent.last_seen);
  return !agent.online && seenMs !== null && nowMs - seenMs > afterMs;
}

const lostReason = "agent lost";
export const awayReason = "expired while its agent was away; whether it ran is not known";

/** In these it was never sent. */
const unsent: ReadonlySet<Status> = new Set(["requested", "delayed"]);

export interface Patience {
  /** Milliseconds an agent may be away before what it was doing is given up. */
  readonly lostMs: number;
  /** Milliseconds it may be away when a request expires: long enough to come back after a restart of the hub. */
  readonly awayMs: number;
}

/**
 * When this execution ends by itself, in milliseconds since the epoch; `null` as long as somebody else has the word. What
 * was never sent expires on time. What was sent is for its agent to end, unless that is away.
 */
export function endsAt(
  { status, expires_at }: Pick<Execution, "status" | "expires_at">,
  agent: Pick<AgentRecord, "online" | "last_seen"> | null,
  { lostMs, awayMs }: Patience,
): number | null {
  const expiresMs = expires_at === null ? null : parseTimestamp(expires_at);
  // `giveUp` wants it to be over.
  if (unsent.has(status)) return expiresMs === null ? null : expiresMs + 1;
  const seenMs = agent === null || agent.online ? null : parseTimestamp(agent.last_seen);
  if (seenMs === null) return null;
  if (uncertain.has(status)) return seenMs + lostMs;
  if (status !== "scheduled" || expiresMs === null) return null;
  return Math.max(seenMs + awayMs, expiresMs + 1);
}

/** The execution given up; `null` when it may stay as it is. A true result that comes later is kept beside it. */
export function giveUp(execution: Execution, nowMs: number): Execution | null {
  const { status, expires_at } = execution;
  const expiresMs = expires_at === null ? null : parseTimestamp(expires_at);
  const isExpired = expiresMs !== null && nowMs > expiresMs;
  if (!uncertain.has(status) && !isExpired) return null;
  const given = unsent.has(status)
    ? step(execution, { type: "expire", at: nowMs, reason: "expired" })
    : uncertain.has(status)
      ? step(execution, { type: "lose", at: nowMs, reason: lostReason })
      : status === "scheduled"
        ? step(execution, { type: "lose", at: nowMs, reason: awayReason })
        : null;
  return given?.moved ? given.execution : null;
}

export interface LostAgentsOptions {
  readonly store: Store;
  readonly registry: Pick<AgentRegistry, "all">;
  readonly log: Logger;
  readonly now: () => number;
  /** Milliseconds an agent may be away. */
  readonly afterMs: number;
}

export async function abandonLost({ store, registry, log, now, afterMs }: LostAgentsOptions): Promise<void> {
  for (const agent of registry.all()) {
    if (!isLost(agent, now(), afterMs)) continue;
    const abandon = async (open: Execution): Promise<void> => {
      const abandoned = giveUp(open, now());
      if (abandoned === null || !(await store.updateExecution(abandoned, open.rev))) return;
      log.warn("an execution is given up: its agent is lost", {
        execution: open.id,
        agent: agent.id,
        status: abandoned.status,
      });
    };
    await Promise.all((await store.openExecutions(agent.id)).map(abandon));
  }
}
