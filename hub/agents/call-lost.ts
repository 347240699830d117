/** Notes which agents have been away for too long: that is what `petrel.agent_lost` tells. */
import { parseTimestamp } from "../../shared/clock.ts";
import type { Logger } from "../../shared/log.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { AgentRegistry } from "./agent-registry.ts";
import { lost } from "./presence.ts";

/** An agent that was never here is awaited, not lost. While the hub itself was away nobody could come. */
export function isToCallLost(
  { online, lost: called, incarnation, last_seen }: AgentRecord,
  nowMs: number,
  { afterMs, hubSinceMs }: { readonly afterMs: number; readonly hubSinceMs: number },
): boolean {
  if (online || called !== undefined || incarnation === null) return false;
  return nowMs - Math.max(parseTimestamp(last_seen) ?? 0, hubSinceMs) >= afterMs;
}

export interface CallLostOptions {
  readonly registry: Pick<AgentRegistry, "all" | "update">;
  /** Hub time in ms. */
  readonly now: () => number;
  /** Milliseconds an agent may be away. */
  readonly afterMs: number;
  readonly hubSinceMs: number;
  readonly log: Logger;
}

export async function callLost(options: CallLostOptions): Promise<void> {
  const { registry, now, log } = options;
  const gone = registry.all().filter((agent) => isToCallLost(agent, now(), options));
  await Promise.all(
    gone.map(async ({ id }) => {
      const record = await registry.update(id, (known) => lost(known, now()));
      if (record?.lost !== undefined)
        log.warn("an agent is lost", { agent: id, last_seen: record.last_seen });
    }),
  );
}
