/** The hub's figures as Prometheus reads them (text format 0.0.4). */
import type { HubFigures } from "../operations.ts";

export const metricsType = "text/plain; version=0.0.4; charset=utf-8";

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** One metric: its name, what it counts, and its samples; a plain number is a sample without labels. */
type Row = readonly [
  name: string,
  type: "counter" | "gauge",
  help: string,
  samples: (figures: HubFigures) => number | readonly Sample[],
];

const rows: readonly Row[] = [
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
    "petrel_trigger_instances_pending",
    "gauge",
    "Trigger instances that no rule has judged yet.",
    (f) => f.pending_instances,
  ],
  ["petrel_dead_letters", "gauge", "Entries that nothing could be made of.", (f) => f.dead_letters],
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
    "Second connections of an agent id.",
    ({ broker }) => broker.takeovers,
  ],
  [
    "petrel_refused_total",
    "counter",
    "What clients of the broker were refused, by reason.",
    ({ broker }) => Object.entries(broker.refused).map(([reason, count]): Sample => [{ reason }, count]),
  ],
];

export function isHealthy({ store, broker }: Pick<HubFigures, "store" | "broker">): boolean {
  return !store.failed && broker.reached;
}

/** Every metric with its help and type, also those without samples. Pure. */
export function renderMetrics(figures: HubFigures): string {
  let text = "";
  for (const [name, type, help, samplesOf] of rows) {
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    const samples = samplesOf(figures);
    for (const [labels, value] of typeof samples === "number" ? [[{}, samples] as Sample] : samples)
      text += `${name}${labelText(labels)} ${value}\n`;
  }
  return text;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Label values escape backslash, quote and line feed, and nothing else. */
function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
}

const yes = (value: boolean) => (value ? 1 : 0);
