import { describe, expect, test } from "vitest";
import { type AgentStatus, agentMetrics } from "../../../../agent/status/status.ts";
import { statusText } from "../../../../agent/status/status-text.ts";
import { linkCounters } from "../../../../shared/link/counters.ts";
import { renderMetrics } from "../../../../shared/metrics/prometheus.ts";
import { noon } from "../../../support/records.ts";

const at = (ms: number) => new Date(noon + ms).toISOString();

function aStatus(over: Partial<AgentStatus> = {}): AgentStatus {
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

const waiting = { entries: 5, bytes: 2_048, kept_bytes: 0, oldest_at: at(30_000) };

test.each([
  ["petrel_agent_up", "1"],
  ["petrel_agent_link_up", "1"],
  ["petrel_agent_broker_reached", "1"],
  ["petrel_agent_outbox_entries", "5"],
  ["petrel_agent_outbox_bytes", "2048"],
  ["petrel_agent_outbox_oldest_seconds", "30"],
  ["petrel_agent_credit_entries", "10"],
  ["petrel_agent_store_queued", "13"],
  ['petrel_agent_store_commit_seconds_bucket{le="1"}', "3"],
  ["petrel_agent_store_commit_seconds_count", "4"],
  ["petrel_agent_actions_waiting", "15"],
  ["petrel_agent_actions_running", "16"],
  ['petrel_agent_sensors{state="backing-off"}', "1"],
  ['petrel_agent_sensors{state="failed"}', "0"],
  ["petrel_agent_sensor_restarts", "3"],
  ["petrel_agent_link_entries_sent_total", "17"],
  ["petrel_agent_link_entries_sent_again_total", "18"],
  ["petrel_agent_messages_dropped_total", "22"],
])("%s is %s", (name, value) => {
  const lines = renderMetrics(agentMetrics, aStatus({ outbox: waiting })).split("\n");
  expect(lines).toContain(`${name} ${value}`);
});

describe("for people, a status", () => {
  test("is short when all is well", () => {
    expect(statusText(aStatus({ sensors: [] }))).toBe(
      [
        "agent    web-1, version 1.0.0, up 60 s",
        "hub      mqtt://127.0.0.1:1883: linked",
        "outbox   empty",
        "store    ok, last batch 1.5 ms",
        "actions  16 running, 15 waiting",
        "link     17 entries sent, 18 again; 19 received",
        "memory   23 B",
        "packs    core",
        "",
      ].join("\n"),
    );
  });

  test.each<[string, Partial<AgentStatus>, string]>([
    ["what waits and for how long", { outbox: waiting }, "outbox   5 entries, 2 KiB, oldest 30 s"],
    ["a hub that does not answer", { link_up: false }, "connected, the hub has not answered yet"],
    ["a broker that is away", { link_up: false, connected: false }, "1883: not reached"],
    ["a disk that takes nothing", { store: { ...aStatus().store, failed: true } }, "store    failed"],
    ["why it takes no work", { degraded: "its disk is full" }, "state    degraded: its disk is full"],
    ["a sensor that runs", {}, "sensor   p.A running, pid 7\n"],
    ["one that does not, with the first line of why", {}, "sensor   p.B backing-off, 3 restarts: boom\n"],
  ])("says %s", (_, over, expected) => {
    expect(statusText(aStatus(over))).toContain(expected);
  });
});
