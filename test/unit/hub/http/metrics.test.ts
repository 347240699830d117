/** What Prometheus is told. */
import { describe, expect, test } from "vitest";
import type { HubFigures } from "../../../../hub/figures/figures.ts";
import { hubMetrics, isHealthy } from "../../../../hub/http/metrics.ts";
import { linkCounters } from "../../../../shared/link/counters.ts";
import { renderMetrics } from "../../../../shared/metrics/prometheus.ts";
import { agentFigures } from "../../../support/records.ts";

const batchSeconds = { bounds: [0.01, 1], counts: [5, 11, 12], sum: 4.5 };

const figures = (over: { failed?: boolean; reached?: boolean } = {}): HubFigures => ({
  store: { queued: 11, batches: 12, lastBatchMs: 2.5, failed: over.failed ?? false, batchSeconds },
  history: { cap_bytes: 1_000, used_bytes: null, cut_instances: 3, cut_executions: 4, cut_at: null },
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
  agents: { total: 20, online: 17, conflicts: 3 },
  pending_instances: 18,
  dead_letters: 19,
  totals: {
    triggers: 21,
    executions: 22,
    ended: { succeeded: 23, failed: 24 },
    gaps: 25,
    throttled: 50,
    throttled_shared: 51,
    digests: 52,
    reports_without_effect: { duplicate: 40, late: 41, unfit: 0 },
    triggers_per_s: 0,
    executions_per_s: 0,
  },
  link: {
    ...linkCounters(),
    entriesSent: 26,
    entriesSentAgain: 27,
    probesSent: 28,
    entriesReceived: 29,
    entriesReceivedAgain: 30,
    resendsAsked: 31,
    refused: { WIRE_AUTH: 53 },
  },
  credit: { entries: 32, bytes: 33 },
  resident_bytes: 34,
  backlog: 35,
  worst: [
    agentFigures({ id: "web-1", backlog: 36, lag_ms: 37_000, undelivered: 38 }),
    agentFigures({ id: "web-2", backlog: null, lag_ms: null, undelivered: 39 }),
  ],
});
const textOf = (of: HubFigures) => renderMetrics(hubMetrics, of);

test.each([
  ["petrel_up", "1"],
  ['petrel_link_refused_total{code="WIRE_AUTH"}', "53"],
  ["petrel_store_ok", "1"],
  ["petrel_store_queued", "11"],
  ["petrel_store_batches_total", "12"],
  ["petrel_store_last_batch_seconds", "0.0025"],
  ["petrel_agents", "20"],
  ['petrel_reports_without_effect_total{kind="duplicate"}', "40"],
  ['petrel_reports_without_effect_total{kind="unfit"}', "0"],
  ["petrel_agents_online", "17"],
  ["petrel_trigger_instances_pending", "18"],
  ["petrel_dead_letters", "19"],
  ["petrel_agents_conflict", "3"],
  ['petrel_store_commit_seconds_bucket{le="0.01"}', "5"],
  ['petrel_store_commit_seconds_bucket{le="1"}', "11"],
  ['petrel_store_commit_seconds_bucket{le="+Inf"}', "12"],
  ["petrel_store_commit_seconds_sum", "4.5"],
  ["petrel_store_commit_seconds_count", "12"],
  ["petrel_trigger_instances_total", "21"],
  ["petrel_executions_total", "22"],
  ['petrel_executions_ended_total{status="failed"}', "24"],
  ["petrel_gaps_total", "25"],
  ["petrel_rule_throttled_total", "50"],
  ["petrel_rule_throttled_shared_total", "51"],
  ["petrel_rule_digests_total", "52"],
  ["petrel_link_entries_sent_total", "26"],
  ["petrel_link_entries_sent_again_total", "27"],
  ["petrel_link_probes_total", "28"],
  ["petrel_link_entries_received_total", "29"],
  ["petrel_link_entries_received_again_total", "30"],
  ["petrel_link_resends_asked_total", "31"],
  ["petrel_credit_entries", "32"],
  ["petrel_credit_bytes", "33"],
  ["process_resident_memory_bytes", "34"],
  ["petrel_agents_backlog_entries", "35"],
  ['petrel_agent_backlog_entries{agent="web-1"}', "36"],
  ['petrel_agent_lag_seconds{agent="web-1"}', "37"],
  ['petrel_agent_undelivered_entries{agent="web-2"}', "39"],
  ["petrel_broker_reached", "1"],
  ["petrel_messages_received_total", "13"],
  ["petrel_messages_sent_total", "14"],
  ["petrel_messages_dropped_total", "15"],
  ["petrel_takeovers_total", "16"],
  ['petrel_refused_total{reason="will"}', "1"],
  ['petrel_refused_total{reason="odd \\"\\\\\\n"}', "2"],
])("%s is %s", (name, value) => {
  expect(textOf(figures()).split("\n")).toContain(`${name} ${value}`);
});

test("of what is not known of an agent there is no sample", () => {
  expect(textOf(figures())).not.toContain('petrel_agent_backlog_entries{agent="web-2"}');
});

test("each metric has one help, one type, and counters end in _total", () => {
  const lines = textOf(figures()).split("\n");
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
    expect(textOf(figures(over))).toContain(`\npetrel_up ${isWell ? 1 : 0}\n`);
  });
});
