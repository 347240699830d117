/** One screen of `petrel top`: the hub in three lines, the agents to look at, the chains that ended last. */
import { quantile } from "../../../shared/metrics/histogram.ts";
import { plain } from "../../../shared/plain-text.ts";
import type { Top } from "../../figures/figures.ts";
import type { Chain } from "../../figures/tally.ts";
import type { AgentFigures, TopOrder } from "../../figures/top.ts";
import { type Cell, fitted, type Paint, painter, type Spec, table } from "./cells.ts";

export interface FrameOptions {
  /** Of the terminal; a snapshot without one is as long as it has to be. */
  readonly columns: number;
  readonly rows: number | null;
  readonly order: TopOrder;
  readonly isPaused: boolean;
  /** Triggers and executions a second of the last snapshots, newest last. */
  readonly past: readonly number[];
  /** Why there is nothing newer than this. */
  readonly trouble: string | null;
  readonly color: boolean;
}

/** Lines of the screen besides agents and chains: head, table heads, the blank line before the second, keys. */
const fixedLines = 8;
const bars = "▁▂▃▄▅▆▇█";

/** As many lines as fit, none wider than the terminal. `null`: there has been no answer yet. */
export function frame(top: Top | null, options: FrameOptions): readonly string[] {
  const paint = painter(options.color);
  if (top === null) {
    const wait = options.trouble ?? "asking the hub …";
    return [paint.bold("petrel top"), "", fitted(plain(wait), options.columns)];
  }
  const room = options.rows === null ? Number.POSITIVE_INFINITY : Math.max(4, options.rows - fixedLines);
  const chainRows = Math.min(top.chains.length, Math.max(2, Math.floor(room / 3)));
  const agentRows = Math.min(top.agents.length, room - chainRows);
  const lines = [
    ...head(top, options, paint),
    "",
    ...table(agentColumns, top.agents.slice(0, agentRows), { columns: options.columns, paint }),
    fitted(more(top.hub.agents.total - agentRows, paint), options.columns),
    ...table(chainColumns, top.chains.slice(0, Math.max(chainRows, room - agentRows)), {
      columns: options.columns,
      paint,
    }),
  ];
  if (options.rows === null) return lines;
  const foot = keys(options, paint);
  const shown = lines.slice(0, options.rows - 1);
  return [...shown, ...Array.from({ length: options.rows - 1 - shown.length }, () => ""), foot];
}

function head(top: Top, { columns, past, trouble }: FrameOptions, paint: Paint): readonly string[] {
  const { hub } = top;
  const { agents, store, broker, totals, link } = hub;
  const state =
    trouble !== null
      ? paint.bad(plain(trouble))
      : store.failed
        ? paint.bad("the store takes no writes")
        : !broker.reached
          ? paint.bad("the broker is away")
          : hub.credit.entries === 0
            ? paint.warn("agents are told to wait")
            : paint.good("ok");
  const away = agents.total - agents.online;
  const p99 = quantile(store.batchSeconds, 0.99);
  const first = [
    `${paint.bold("petrel")} ${state}`,
    `agents ${agents.online} online, ${away > 0 ? paint.warn(`${away} away`) : "0 away"}`,
    ...(agents.conflicts > 0 ? [paint.bad(`${agents.conflicts} in conflict`)] : []),
    `${rate(totals.triggers_per_s)} triggers/s`,
    `${rate(totals.executions_per_s)} executions/s ${paint.dim(spark(past))}`,
  ];
  const second = [
    `commit ${store.lastBatchMs.toFixed(1)} ms, 99 % ${p99 === null ? "-" : Number.isFinite(p99) ? `≤ ${short(p99 * 1000)}` : "> 10 s"}`,
    `queued ${count(store.queued)}`,
    `backlog ${count(hub.backlog)}`,
    `pending ${count(hub.pending_instances)}`,
    flagged("dead letters", hub.dead_letters, paint),
    flagged("gaps", totals.gaps, paint),
    `sent again ${count(link.entriesSentAgain)}`,
    `memory ${Math.round(hub.resident_bytes / 1024 / 1024)} MiB`,
  ];
  return [fitted(first.join("  "), columns), fitted(second.join("  "), columns)];
}

const flagged = (name: string, value: number, paint: Paint) =>
  value > 0 ? paint.warn(`${name} ${count(value)}`) : `${name} 0`;

function more(hidden: number, paint: Paint): string {
  return hidden > 0 ? paint.dim(`  and ${hidden} more agents`) : "";
}

function keys({ order, isPaused, columns }: FrameOptions, paint: Paint): string {
  const what = `q quit   s sort (${order})   space ${isPaused ? "go on" : "pause"}`;
  return fitted(isPaused ? paint.warn(`${what}   paused`) : paint.dim(what), columns);
}

const agentColumns: readonly Spec<AgentFigures>[] = [
  { header: "AGENT", value: ({ id, state }, paint) => nameCell(id, state, paint), least: 8 },
  { header: "STATE", value: ({ state }, paint) => stateCell(state, paint) },
  { header: "HEARD", value: heardCell, right: true },
  { header: "BACKLOG", value: ({ backlog }, paint) => numberCell(backlog, 1, paint), right: true },
  { header: "LAG", value: ({ lag_ms }, paint) => lagCell(lag_ms, paint), right: true },
  {
    header: "UNDELIVERED",
    value: ({ undelivered }, paint) => numberCell(undelivered, 100, paint),
    right: true,
  },
  { header: "TRIGGERS/S", value: (row) => ({ text: rate(row.triggers_per_s) }), right: true },
  { header: "RUNS/S", value: (row) => ({ text: rate(row.executions_per_s) }), right: true },
  { header: "FAILED", value: ({ failed }, paint) => numberCell(failed, 1, paint), right: true },
  { header: "VERSION", value: ({ version }) => ({ text: version ?? "-" }) },
  { header: "ADDRESS", value: ({ address, host }) => ({ text: address ?? host ?? "-" }), least: 6 },
];

const chainColumns: readonly Spec<Chain>[] = [
  { header: "WHEN", value: ({ created_at }) => ({ text: created_at.slice(11, 19) }) },
  { header: "AGENT", value: ({ agent }) => ({ text: agent }), least: 8 },
  { header: "RULE", value: ({ rule }) => ({ text: rule ?? "by hand" }), least: 8 },
  { header: "ACTION", value: ({ action }) => ({ text: action }), least: 8 },
  { header: "STATUS", value: ({ status }, paint) => statusCell(status, paint) },
  {
    header: "TOOK",
    value: ({ took_ms }) => ({ text: took_ms === null ? "…" : short(took_ms) }),
    right: true,
  },
  {
    header: "",
    value: ({ reason, status }) => ({ text: status === "succeeded" ? "" : (reason ?? "") }),
    least: 4,
  },
];

function nameCell(id: string, state: AgentFigures["state"], paint: Paint): Cell {
  return { text: id, paint: state === "conflict" ? paint.bad : state === "away" ? paint.dim : paint.bold };
}

function stateCell(state: AgentFigures["state"], paint: Paint): Cell {
  return {
    text: state,
    paint: { online: paint.good, away: paint.warn, degraded: paint.bad, conflict: paint.bad }[state],
  };
}

function heardCell({ silent_ms, state }: AgentFigures): Cell {
  return {
    text: state === "away" || silent_ms === null ? "-" : silent_ms < 1_000 ? "now" : short(silent_ms),
  };
}

function numberCell(value: number | null, warnAt: number, paint: Paint): Cell {
  return {
    text: value === null ? "-" : count(value),
    ...(value !== null && value >= warnAt && { paint: paint.warn }),
  };
}

function lagCell(lagMs: number | null, paint: Paint): Cell {
  if (lagMs === null) return { text: "-" };
  return {
    text: short(lagMs),
    ...(lagMs >= 10_000 ? { paint: paint.bad } : lagMs >= 2_000 && { paint: paint.warn }),
  };
}

const badEnds = new Set<string>(["failed", "timeout", "abandoned"]);

function statusCell(status: string, paint: Paint): Cell {
  return {
    text: status,
    paint: status === "succeeded" ? paint.good : badEnds.has(status) ? paint.bad : paint.warn,
  };
}

/** Milliseconds in at most five characters. */
export function short(ms: number): string {
  if (ms === 0) return "0";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 100_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 6_000_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

const rate = (perSecond: number) =>
  perSecond === 0 || perSecond < 0.05 ? "0" : perSecond < 10 ? perSecond.toFixed(1) : count(perSecond);

function count(value: number): string {
  if (value < 10_000) return String(Math.round(value));
  return value < 10_000_000 ? `${Math.round(value / 1_000)}k` : `${Math.round(value / 1_000_000)}M`;
}

/** The last snapshots as a row of bars; the highest of them fills its cell. */
export function spark(values: readonly number[], most = 24): string {
  const shown = values.slice(-most);
  const highest = Math.max(...shown, 0);
  if (highest === 0) return "";
  return shown.map((value) => bars[Math.min(7, Math.floor((value / highest) * 7.999))] ?? "").join("");
}
