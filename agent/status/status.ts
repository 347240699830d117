/** How an agent is, as it says itself: to people on its host, and to Prometheus. */
import type { LinkCounters } from "../../shared/link/counters.ts";
import type { HistogramFigures } from "../../shared/metrics/histogram.ts";
import { type Metric, type Sample, yes } from "../../shared/metrics/prometheus.ts";
import type { SensorState } from "../../shared/model/agent.ts";
import type { Credit } from "../../shared/wire/messages.ts";
import type { IdentityStatus } from "../identity/keeper.ts";
import type { RefusedBy } from "../policy/host-policy.ts";
import type { PolicyStatus } from "../policy/policy-in-force.ts";
import type { SensorStatus } from "../sensors/sensor-reports.ts";

export interface AgentStatus {
  readonly id: string;
  readonly version: string;
  /** Identity of its store. */
  readonly incarnation: string;
  readonly started_at: string;
  readonly at: string;
  /** Of its process. */
  readonly pid: number;
  /** Of the hub's software, and how far this host's clock is ahead of the hub's; `null` until the hub was heard. */
  readonly hub_version: string | null;
  readonly skew_ms: number | null;
  /** Where its broker is, without user name and password. */
  readonly hub: string;
  /** Its broker is reached. */
  readonly connected: boolean;
  /** Both hellos are answered: entries flow. */
  readonly link_up: boolean;
  /** Messages of a later protocol that were refused since the link was last up. */
  readonly later_protocol: number;
  /** What it may have on its way to the hub. */
  readonly credit: Credit;
  readonly outbox: {
    /** Entries that the hub has not receipted. */
    readonly entries: number;
    readonly bytes: number;
    /** Receipted, and kept for a hub that is restored from a backup. */
    readonly kept_bytes: number;
    /** When the oldest one without a receipt happened, by this host's clock. */
    readonly oldest_at: string | null;
  };
  readonly store: {
    readonly queued: number;
    readonly batches: number;
    readonly last_batch_ms: number;
    readonly batch_seconds: HistogramFigures;
    readonly failed: boolean;
  };
  /** Why it takes no new work, or lets its sensors wait; `null` when all is well. */
  readonly degraded: string | null;
  /** `null` in dev mode. */
  readonly identity: IdentityStatus | null;
  readonly actions: { readonly waiting: number; readonly running: number };
  /** The policy file of the host that is in force; `null` when there is none. */
  readonly policy: PolicyStatus | null;
  /** Requests that it has refused since the agent started, by the list that did. */
  readonly refused: Readonly<Partial<Record<RefusedBy, number>>>;
  readonly sensors: readonly SensorStatus[];
  /** Ref to digest. */
  readonly packs: Readonly<Record<string, string>>;
  readonly link: LinkCounters;
  readonly messages: { readonly sent: number; readonly received: number; readonly dropped: number };
  readonly resident_bytes: number;
}

/** Well is an agent that can keep what it is given. A hub that is away is no fault of its own. */
export const isWell = ({ store }: Pick<AgentStatus, "store">): boolean => !store.failed;

const refusers: readonly RefusedBy[] = ["packs", "actions", "runners", "users", "sudo", "names", "upgrades"];

const states: readonly SensorState[] = ["starting", "running", "backing-off", "failed", "stopped"];

export const agentMetrics: readonly Metric<AgentStatus>[] = [
  ["petrel_agent_up", "gauge", "1 when the store takes writes.", (s) => yes(isWell(s))],
  ["petrel_agent_broker_reached", "gauge", "1 when the broker is reached.", (s) => yes(s.connected)],
  ["petrel_agent_link_up", "gauge", "1 when the hub answers and entries flow.", (s) => yes(s.link_up)],
  [
    "petrel_agent_degraded",
    "gauge",
    "1 when no new work is taken, or sensors wait.",
    (s) => yes(s.degraded !== null),
  ],
  ["petrel_agent_outbox_entries", "gauge", "Entries without a receipt.", ({ outbox }) => outbox.entries],
  ["petrel_agent_outbox_bytes", "gauge", "Bytes of entries without a receipt.", ({ outbox }) => outbox.bytes],
  [
    "petrel_agent_outbox_kept_bytes",
    "gauge",
    "Bytes of entries that are receipted and still kept.",
    ({ outbox }) => outbox.kept_bytes,
  ],
  [
    "petrel_agent_outbox_oldest_seconds",
    "gauge",
    "Age of the oldest entry without a receipt.",
    (s) => oldestMs(s) / 1000,
  ],
  ["petrel_agent_credit_entries", "gauge", "Entries that the hub takes now.", ({ credit }) => credit.entries],
  ["petrel_agent_credit_bytes", "gauge", "Bytes that the hub takes now.", ({ credit }) => credit.bytes],
  ["petrel_agent_store_queued", "gauge", "Commits that wait for a batch.", ({ store }) => store.queued],
  ["petrel_agent_store_batches_total", "counter", "Synced batches written.", ({ store }) => store.batches],
  [
    "petrel_agent_store_commit_seconds",
    "histogram",
    "How long batches took to be on disk.",
    ({ store }) => store.batch_seconds,
  ],
  [
    "petrel_agent_actions_waiting",
    "gauge",
    "Actions that wait for a place.",
    ({ actions }) => actions.waiting,
  ],
  ["petrel_agent_actions_running", "gauge", "Actions that run.", ({ actions }) => actions.running],
  [
    "petrel_agent_refused_total",
    "counter",
    "Requests that the policy of the host refused.",
    ({ refused }) => refusers.map((by): Sample => [{ by }, refused[by] ?? 0]),
  ],
  [
    "petrel_agent_policy_problem",
    "gauge",
    "1 when the policy file could not be taken, and the one before it is in force.",
    ({ policy }) => yes(policy !== null && policy.problem !== null),
  ],
  [
    "petrel_agent_sensors",
    "gauge",
    "Sensors by state.",
    ({ sensors }) =>
      states.map((state): Sample => [{ state }, sensors.filter((each) => each.state === state).length]),
  ],
  [
    "petrel_agent_sensor_restarts",
    "gauge",
    "Restarts of all sensors that are assigned now, since the agent started.",
    ({ sensors }) => sensors.reduce((sum, { restarts }) => sum + restarts, 0),
  ],
  [
    "petrel_agent_link_refused_total",
    "counter",
    "Messages from the hub, or said to be, that were not taken, by code: WIRE_AUTH is a forgery.",
    ({ link }) => Object.entries(link.refused).map(([code, count]): Sample => [{ code }, count]),
  ],
  ["petrel_agent_link_entries_sent_total", "counter", "Entries sent.", ({ link }) => link.entriesSent],
  [
    "petrel_agent_link_entries_sent_again_total",
    "counter",
    "Entries sent once more, for want of a receipt.",
    ({ link }) => link.entriesSentAgain,
  ],
  [
    "petrel_agent_link_entries_received_total",
    "counter",
    "Entries taken.",
    ({ link }) => link.entriesReceived,
  ],
  [
    "petrel_agent_link_entries_received_again_total",
    "counter",
    "Entries that were here already.",
    ({ link }) => link.entriesReceivedAgain,
  ],
  [
    "petrel_agent_link_probes_total",
    "counter",
    "Times that a receipt was asked for.",
    ({ link }) => link.probesSent,
  ],
  ["petrel_agent_messages_sent_total", "counter", "Messages sent.", ({ messages }) => messages.sent],
  [
    "petrel_agent_messages_received_total",
    "counter",
    "Messages received.",
    ({ messages }) => messages.received,
  ],
  [
    "petrel_agent_messages_dropped_total",
    "counter",
    "Messages not sent since there was no connection, or it did not keep up.",
    ({ messages }) => messages.dropped,
  ],
  ["process_resident_memory_bytes", "gauge", "Memory of the agent's process.", (s) => s.resident_bytes],
];

/** Age of the oldest entry without a receipt in ms; 0 when there is none. */
export function oldestMs({ at, outbox }: Pick<AgentStatus, "at" | "outbox">): number {
  return outbox.oldest_at === null ? 0 : Math.max(0, Date.parse(at) - Date.parse(outbox.oldest_at));
}
