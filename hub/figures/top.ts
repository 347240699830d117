/** The agents that an operator looks at first, chosen from a whole fleet by what is in memory. */
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { SessionFigures } from "../agents/agent-session.ts";
import type { AgentRates } from "./tally.ts";

/** `lag`: what needs looking at first. `rate`: the busiest first. */
export const topOrders = ["lag", "rate", "id"] as const;
export type TopOrder = (typeof topOrders)[number];

export interface AgentFigures extends AgentRates, SessionFigures {
  readonly id: string;
  readonly host: string | null;
  readonly state: "online" | "away" | "conflict" | "degraded";
  readonly version: string | null;
  readonly address: string | null;
  readonly last_seen: string;
  readonly skew_ms: number | null;
}

export interface FleetOptions {
  readonly agents: readonly AgentRecord[];
  readonly session: (agent: string) => SessionFigures | null;
  readonly rates: (agent: string) => AgentRates;
}

const unknown: SessionFigures = { silent_ms: null, backlog: null, lag_ms: null, undelivered: null };

interface Ranked {
  readonly figures: AgentFigures;
  readonly keys: readonly number[];
}

/**
 * The first `limit` in this order; ties go by id, so that rows do not dance. The fleet is looked through once and never
 * sorted: a hub of ten thousand agents has other things to do.
 */
export function topAgents(fleet: FleetOptions, order: TopOrder, limit: number): readonly AgentFigures[] {
  const best: Ranked[] = [];
  for (const agent of fleet.agents) {
    const figures = figuresOf(agent, fleet);
    const ranked = { figures, keys: keysOf[order](figures) };
    const last = best.at(-1);
    if (best.length >= limit && (last === undefined || compare(last, ranked) < 0)) continue;
    best.splice(placeOf(best, ranked), 0, ranked);
    if (best.length > limit) best.pop();
  }
  return best.map(({ figures }) => figures);
}

/** Negative when `a` comes before `b`. */
function compare(a: Ranked, b: Ranked): number {
  for (const [i, key] of a.keys.entries()) {
    const difference = (b.keys[i] ?? 0) - key;
    if (difference !== 0) return difference;
  }
  return a.figures.id < b.figures.id ? -1 : 1;
}

function placeOf(sorted: readonly Ranked[], ranked: Ranked): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const there = sorted[middle];
    if (there !== undefined && compare(there, ranked) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

function figuresOf(agent: AgentRecord, { session, rates }: FleetOptions): AgentFigures {
  const { id, host, version, address, last_seen, skew_ms, online, conflict, degraded } = agent;
  const connected = degraded == null ? "online" : "degraded";
  const state = conflict != null ? "conflict" : online ? connected : "away";
  return { ...(session(id) ?? unknown), ...rates(id), id, host, state, version, address, last_seen, skew_ms };
}

/** Seconds behind that everybody may be; below, an agent is not late but at work. */
const lateMs = 2_000;
const rateOf = ({ triggers_per_s, executions_per_s }: AgentFigures) =>
  Math.round((triggers_per_s + executions_per_s) * 10);

/** Larger comes first. */
const keysOf: Record<TopOrder, (figures: AgentFigures) => readonly number[]> = {
  lag: (figures) => {
    const { state, backlog, lag_ms, undelivered } = figures;
    const lag = lag_ms !== null && lag_ms >= lateMs ? lag_ms : 0;
    const waits = (backlog ?? 0) + (state === "away" ? (undelivered ?? 0) : 0);
    return [
      state === "conflict" ? 2 : state === "degraded" ? 1 : 0,
      waits,
      lag,
      state === "away" ? 1 : 0,
      rateOf(figures),
    ];
  },
  rate: (figures) => [rateOf(figures)],
  id: () => [],
};
