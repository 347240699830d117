/** The hub's metrics: what each is called, and where it comes from. */
import { type Metric, type Sample, yes } from "../../shared/metrics/prometheus.ts";
import type { HubFigures } from "../figures/figures.ts";
import type { AgentFigures } from "../figures/top.ts";
import type { HubHealth } from "../operations.ts";

export const hubMetrics: readonly Metric<HubFigures>[] = [
  [
    "petrel_up",
    "gauge",
    "1 when the store takes writes and the broker is reached.",
    (f) => yes(isHealthy(f)),
  ],
  ["petrel_store_ok", "gauge", "1 when the store takes writes.", ({ store }) => yes(!store.failed)],
  ["petrel_store_queued", "gauge", "Requests that wait for a batch.", ({ store }) => store.queued],
  ["petrel_store_batches_total", "counter", "Synced batches written.", ({ store }) => store.batches],
  [
    "petrel_store_commit_seconds",
    "histogram",
    "How long batches took to be on disk.",
    ({ store }) => store.batchSeconds,
  ],
  [
    "petrel_store_last_batch_seconds",
    "gauge",
    "How long the last batch took to be on disk.",
    ({ store }) => store.lastBatchMs / 1000,
  ],
  ["petrel_intake_bytes", "gauge", "Sent by agents, not on disk yet.", ({ intake }) => intake.bytes],
  ["petrel_intake_paused_agents", "gauge", "Agents told to wait.", ({ intake }) => intake.paused],
  ["petrel_agents", "gauge", "Agents known.", ({ agents }) => agents.total],
  ["petrel_agents_online", "gauge", "Agents connected.", ({ agents }) => agents.online],
  [
    "petrel_agents_conflict",
    "gauge",
    "Agents whose id two machines have: they are sent nothing.",
    ({ agents }) => agents.conflicts,
  ],
  [
    "petrel_trigger_instances_pending",
    "gauge",
    "Trigger instances that no rule has judged yet.",
    (f) => f.pending_instances,
  ],
  ["petrel_trigger_instances_total", "counter", "Triggers judged.", ({ totals }) => totals.triggers],
  ["petrel_executions_total", "counter", "Executions made.", ({ totals }) => totals.executions],
  [
    "petrel_executions_ended_total",
    "counter",
    "Executions that have ended, by status.",
    ({ totals }) => Object.entries(totals.ended).map(([status, count]): Sample => [{ status }, count]),
  ],
  [
    "petrel_rule_throttled_total",
    "counter",
    "Triggers that a rule's throttle held back for a digest.",
    ({ totals }) => totals.throttled,
  ],
  [
    "petrel_rule_throttled_shared_total",
    "counter",
    "Those of them whose rule had as many keys as it may have: they share one digest.",
    ({ totals }) => totals.throttled_shared,
  ],
  ["petrel_rule_digests_total", "counter", "Digests that were made.", ({ totals }) => totals.digests],
  ["petrel_dead_letters", "gauge", "Entries that nothing could be made of.", (f) => f.dead_letters],
  ["petrel_gaps_total", "counter", "Gaps recorded: entries that were lost.", ({ totals }) => totals.gaps],
  [
    "petrel_reports_without_effect_total",
    "counter",
    "Agents' reports about executions that changed nothing, by why.",
    ({ totals }) =>
      Object.entries(totals.reports_without_effect).map(([kind, count]): Sample => [{ kind }, count]),
  ],
  [
    "petrel_credit_entries",
    "gauge",
    "Entries that an agent may have on its way now; 0 pauses all agents.",
    ({ credit }) => credit.entries,
  ],
  [
    "petrel_credit_bytes",
    "gauge",
    "Bytes that an agent may have on their way now.",
    ({ credit }) => credit.bytes,
  ],
  [
    "petrel_link_entries_received_total",
    "counter",
    "Entries from agents.",
    ({ link }) => link.entriesReceived,
  ],
  [
    "petrel_link_entries_received_again_total",
    "counter",
    "Entries from agents that were here already.",
    ({ link }) => link.entriesReceivedAgain,
  ],
  [
    "petrel_link_resends_asked_total",
    "counter",
    "Times that an agent was asked for entries that were missing.",
    ({ link }) => link.resendsAsked,
  ],
  [
    "petrel_link_refused_total",
    "counter",
    "Messages from agents, or said to be, that were not taken, by code: WIRE_AUTH is a forgery.",
    ({ link }) => Object.entries(link.refused).map(([code, count]): Sample => [{ code }, count]),
  ],
  ["petrel_link_entries_sent_total", "counter", "Entries to agents.", ({ link }) => link.entriesSent],
  [
    "petrel_link_entries_sent_again_total",
    "counter",
    "Entries sent to an agent once more, for want of a receipt.",
    ({ link }) => link.entriesSentAgain,
  ],
  [
    "petrel_link_probes_total",
    "counter",
    "Times that an agent was asked for a receipt that did not come.",
    ({ link }) => link.probesSent,
  ],
  [
    "petrel_agents_backlog_entries",
    "gauge",
    "Entries in the outboxes of all agents that are connected, as these say.",
    (f) => f.backlog,
  ],
  [
    "petrel_agent_backlog_entries",
    "gauge",
    "Entries in an agent's outbox; only of those furthest behind.",
    ({ worst }) => perAgent(worst, ({ backlog }) => backlog),
  ],
  [
    "petrel_agent_lag_seconds",
    "gauge",
    "How long an agent's entries waited; only of those furthest behind.",
    ({ worst }) => perAgent(worst, ({ lag_ms }) => (lag_ms === null ? null : lag_ms / 1000)),
  ],
  [
    "petrel_agent_undelivered_entries",
    "gauge",
    "Requests that an agent has not receipted; only of those furthest behind.",
    ({ worst }) => perAgent(worst, ({ undelivered }) => undelivered),
  ],
  [
    "petrel_history_bytes",
    "gauge",
    "What history takes on disk, as measured last; only where it has a cap.",
    ({ history }) => known(history.used_bytes),
  ],
  [
    "petrel_history_cap_bytes",
    "gauge",
    "What history may take on disk (retention.max_mib).",
    ({ history }) => known(history.cap_bytes),
  ],
  [
    "petrel_history_cut_instances_total",
    "counter",
    "Trigger instances that went, with all that came of them, since history was beyond its cap.",
    ({ history }) => history.cut_instances,
  ],
  [
    "petrel_history_cut_executions_total",
    "counter",
    "Executions that went since history was beyond its cap.",
    ({ history }) => history.cut_executions,
  ],
  [
    "petrel_broker_reached",
    "gauge",
    "1 when the broker carries messages.",
    ({ broker }) => yes(broker.reached),
  ],
  ["petrel_messages_received_total", "counter", "Messages from agents.", ({ broker }) => broker.received],
  ["petrel_messages_sent_total", "counter", "Messages to agents.", ({ broker }) => broker.sent],
  [
    "petrel_messages_dropped_total",
    "counter",
    "Messages not sent since the agent was away or did not read; the ledger sends again.",
    ({ broker }) => broker.dropped,
  ],
  [
    "petrel_takeovers_total",
    "counter",
    "Second connections of an agent id that took over.",
    ({ broker }) => broker.takeovers,
  ],
  [
    "petrel_refused_total",
    "counter",
    "What clients of the broker and the API were refused, by reason.",
    ({ broker }) => Object.entries(broker.refused).map(([reason, count]): Sample => [{ reason }, count]),
  ],
  ["process_resident_memory_bytes", "gauge", "Memory of the hub's process.", (f) => f.resident_bytes],
];

export function isHealthy({ store, broker }: Pick<HubHealth, "store" | "broker">): boolean {
  return !store.failed && broker.reached;
}

const known = (value: number | null): readonly Sample[] => (value === null ? [] : [[{}, value]]);

/** What is not known of an agent is no sample. */
function perAgent(
  agents: readonly AgentFigures[],
  of: (agent: AgentFigures) => number | null,
): readonly Sample[] {
  return agents.flatMap((agent): readonly Sample[] => {
    const value = of(agent);
    return value === null ? [] : [[{ agent: agent.id }, value]];
  });
}
