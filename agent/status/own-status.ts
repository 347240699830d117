/** Puts together how this agent is, from the parts that know. */
import { timestamp } from "../../shared/clock.ts";
import type { LinkCounters } from "../../shared/link/counters.ts";
import type { Link } from "../../shared/link/link.ts";
import type { OutboxStore } from "../../shared/link/outbox-store.ts";
import type { ConnectionStats } from "../../shared/mqtt/connection-mqtt.ts";
import type { CommitterFigures } from "../../shared/storage/committer-store.ts";
import type { PolicyInForce } from "../policy/policy-in-force.ts";
import type { SensorStatus } from "../sensors/sensor-reports.ts";
import type { AgentStatus } from "./status.ts";

export interface OwnStatusParts {
  readonly facts: Pick<AgentStatus, "id" | "version" | "incarnation" | "hub">;
  readonly link: Pick<Link<"agent">, "running" | "laterProtocol" | "credit">;
  readonly connection: { readonly connected: () => boolean; readonly stats: () => ConnectionStats };
  readonly outbox: Pick<OutboxStore, "figures" | "oldestAt">;
  readonly committer: { figures(): CommitterFigures };
  readonly actions: { figures(): AgentStatus["actions"] };
  readonly sensors: { statuses(): readonly SensorStatus[] };
  /** Of the host's policy. */
  readonly refusals: { statuses(): readonly SensorStatus[] };
  readonly policy: Pick<PolicyInForce, "status" | "refused">;
  readonly packs: { versions(): AgentStatus["packs"] };
  readonly degraded: () => string | null;
  readonly identity: () => AgentStatus["identity"];
  readonly counters: LinkCounters;
  readonly residentBytes: () => number;
  readonly pid: number;
  readonly hubTime: { readonly version: string | null; skewMs(): number | null };
  readonly now: () => number;
}

/** Of an agent that starts now. Rejects when its database cannot be read. */
export function ownStatus(parts: OwnStatusParts): () => Promise<AgentStatus> {
  const { facts, link, connection, outbox, committer, actions, sensors, refusals, packs, now } = parts;
  const started_at = timestamp(now());
  return async () => {
    const { queued, batches, lastBatchMs, batchSeconds, failed } = committer.figures();
    const { entries, bytes, keptBytes } = outbox.figures();
    const { sent, received, dropped } = connection.stats();
    return {
      ...facts,
      pid: parts.pid,
      hub_version: parts.hubTime.version,
      skew_ms: parts.hubTime.skewMs(),
      started_at,
      at: timestamp(now()),
      connected: connection.connected(),
      link_up: link.running,
      later_protocol: link.laterProtocol,
      credit: link.credit,
      outbox: { entries, bytes, kept_bytes: keptBytes, oldest_at: await outbox.oldestAt() },
      store: { queued, batches, last_batch_ms: lastBatchMs, batch_seconds: batchSeconds, failed },
      degraded: parts.degraded(),
      identity: parts.identity(),
      actions: actions.figures(),
      policy: parts.policy.status,
      refused: parts.policy.refused,
      sensors: [...sensors.statuses(), ...refusals.statuses()],
      packs: packs.versions(),
      link: { ...parts.counters },
      messages: { sent, received, dropped },
      resident_bytes: parts.residentBytes(),
    };
  };
}
