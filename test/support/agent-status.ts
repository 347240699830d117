/** What an agent says of itself, for tests of those who read it. */
import type { AgentStatus } from "../../agent/status/status.ts";
import { linkCounters } from "../../shared/link/counters.ts";
import { noon } from "./records.ts";

const at = (ms: number) => new Date(noon + ms).toISOString();

/** A minute old, linked, with a sensor that runs and one that does not. */
export function aStatus(over: Partial<AgentStatus> = {}): AgentStatus {
  return {
    id: "web-1",
    version: "1.0.0",
    pid: 6,
    hub_version: "1.0.0",
    skew_ms: 3,
    incarnation: "i1",
    started_at: at(0),
    at: at(60_000),
    hub: "mqtt://127.0.0.1:1883",
    connected: true,
    link_up: true,
    later_protocol: 0,
    credit: { entries: 10, bytes: 11 },
    outbox: { entries: 0, bytes: 0, kept_bytes: 12, oldest_at: null },
    store: {
      queued: 13,
      batches: 14,
      last_batch_ms: 1.5,
      batch_seconds: { bounds: [1], counts: [3, 4], sum: 5 },
      failed: false,
    },
    degraded: null,
    identity: null,
    actions: { waiting: 15, running: 16 },
    policy: null,
    refused: {},
    sensors: [
      {
        sensor: "p.A",
        state: "running",
        pid: 7,
        restarts: 0,
        last_error: null,
        since: at(0),
        fingerprint: null,
        problem: null,
      },
      {
        sensor: "p.B",
        state: "backing-off",
        pid: null,
        restarts: 3,
        last_error: "boom\nmore",
        since: at(0),
        fingerprint: null,
        problem: null,
      },
    ],
    packs: { core: "sha256:1" },
    link: { ...linkCounters(), entriesSent: 17, entriesSentAgain: 18, entriesReceived: 19 },
    messages: { sent: 20, received: 21, dropped: 22 },
    resident_bytes: 23,
    ...over,
  };
}
