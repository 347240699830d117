/** What Prometheus is told. */
import { describe, expect, test } from "vitest";
import { isHealthy, renderMetrics } from "../../../../hub/http/metrics.ts";
import type { HubFigures } from "../../../../hub/operations.ts";

const figures = (over: { failed?: boolean; reached?: boolean } = {}): HubFigures => ({
  store: { queued: 11, batches: 12, lastBatchMs: 2.5, failed: over.failed ?? false },
  intake: { bytes: 0, paused: 0 },
  broker: {
    agents: 1,
    received: 13,
    sent: 14,
    dropped: 15,
    takeovers: 16,
    refused: { will: 1, 'odd "\\\n': 2 },
    reached: over.reached ?? true,
  },
  agents: { total: 20, online: 17 },
  pending_instances: 18,
  dead_letters: 19,
});

test.each([
  ["petrel_up", "1"],
  ["petrel_store_ok", "1"],
  ["petrel_store_queued", "11"],
  ["petrel_store_batches_total", "12"],
  ["petrel_store_last_batch_seconds", "0.0025"],
  ["petrel_agents", "20"],
  ["petrel_agents_online", "17"],
  ["petrel_trigger_instances_pending", "18"],
  ["petrel_dead_letters", "19"],
  ["petrel_broker_reached", "1"],
  ["petrel_messages_received_total", "13"],
  ["petrel_messages_sent_total", "14"],
  ["petrel_messages_dropped_total", "15"],
  ["petrel_takeovers_total", "16"],
  ['petrel_refused_total{reason="will"}', "1"],
  ['petrel_refused_total{reason="odd \\"\\\\\\n"}', "2"],
])("%s is %s", (name, value) => {
  expect(renderMetrics(figures()).split("\n")).toContain(`${name} ${value}`);
});

test("each metric has one help, one type, and counters end in _total", () => {
  const lines = renderMetrics(figures()).split("\n");
  const types = lines.filter((line) => line.startsWith("# TYPE "));
  expect(lines.filter((line) => line.startsWith("# HELP "))).toHaveLength(types.length);
  expect(new Set(types).size).toBe(types.length);
  for (const type of types) expect(type.endsWith(" counter")).toBe(/_total counter$/.test(type));
  expect(lines.at(-1)).toBe("");
});

describe("a hub is well", () => {
  test.each([
    [{}, true],
    [{ failed: true }, false],
    [{ reached: false }, false],
  ])("with %j: %s", (over, isWell) => {
    expect(isHealthy(figures(over))).toBe(isWell);
    expect(renderMetrics(figures(over))).toContain(`\npetrel_up ${isWell ? 1 : 0}\n`);
  });
});
