/** What an agent's coming and going does to its record. */
import { parseTimestamp, timestamp } from "../../shared/clock.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Hello } from "../../shared/wire/messages.ts";

/** An agent that will come: requests for it wait in its ledger like those for one that is away. */
export function awaited(id: string, nowMs: number): AgentRecord {
  const at = timestamp(nowMs);
  return {
    id,
    host: null,
    labels: {},
    online: false,
    incarnation: null,
    version: null,
    address: null,
    first_seen: at,
    last_seen: at,
    skew_ms: null,
    packs: {},
    runners: [],
    rev: 1,
  };
}

/** The record of an agent that is taken out of the fleet. */
export function removed(known: AgentRecord, nowMs: number): AgentRecord {
  return { ...known, online: false, conflict: null, removed: timestamp(nowMs), rev: known.rev + 1 };
}

/** The record after a hello. `skew_ms` is the agent's clock minus the hub's. */
export function arrived(
  known: AgentRecord | null,
  id: string,
  hello: Hello,
  address: string | null,
  nowMs: number,
): AgentRecord {
  const at = timestamp(nowMs);
  const clock = parseTimestamp(hello.clock);
  const { lost: _, removed: _removed, ...base } = known ?? { ...awaited(id, nowMs), rev: 0 };
  const isNewStore = base.incarnation !== hello.incarnation;
  return {
    ...base,
    online: true,
    incarnation: hello.incarnation,
    version: hello.version,
    address,
    last_seen: at,
    skew_ms: clock === null ? null : clock - nowMs,
    ...(isNewStore && { packs: {} }),
    upgrades: hello.capabilities.includes("upgrade"),
    rev: base.rev + 1,
  };
}

/** The record after the agent has said which of the hub's statements it goes by; `null` when nothing changes. */
export function keyed(known: AgentRecord | null, serial: number): AgentRecord | null {
  if (known === null || known.hub_keys_serial === serial) return null;
  return { ...known, hub_keys_serial: serial, rev: known.rev + 1 };
}

/** The record after the agent has said what is wrong with it (`null`: nothing); `null` when nothing changes. */
export function conditioned(known: AgentRecord | null, degraded: string | null): AgentRecord | null {
  if (known === null || (known.degraded ?? null) === degraded) return null;
  return { ...known, degraded, rev: known.rev + 1 };
}

/** The record of an agent that has been away for too long; `null` when nothing changes. */
export function lost(known: AgentRecord | null, nowMs: number): AgentRecord | null {
  if (known === null || known.online || known.lost !== undefined) return null;
  return { ...known, lost: timestamp(nowMs), rev: known.rev + 1 };
}

/** The record after the connection ended; `null` when nothing changes. */
export function departed(known: AgentRecord | null, nowMs: number): AgentRecord | null {
  if (known === null || !known.online) return null;
  return { ...known, online: false, last_seen: timestamp(nowMs), rev: known.rev + 1 };
}
