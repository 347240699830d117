import { describe, expect, test } from "vitest";
import { type AgentStatus, agentMetrics } from "../../../../agent/status/status.ts";
import { statusText } from "../../../../agent/status/status-text.ts";
import { renderMetrics } from "../../../../shared/metrics/prometheus.ts";
import { aStatus } from "../../../support/agent-status.ts";
import { noon } from "../../../support/records.ts";

const at = (ms: number) => new Date(noon + ms).toISOString();

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
