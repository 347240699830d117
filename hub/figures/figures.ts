/** The hub's figures as those who watch it ask for them: counted in memory, so that asking costs the fleet nothing. */
import { timestamp } from "../../shared/clock.ts";
import type { LinkCounters } from "../../shared/link/counters.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Credit, EpochRange } from "../../shared/wire/messages.ts";
import type { SessionFigures } from "../agents/agent-session.ts";
import type { HubHealth } from "../operations.ts";
import type { StoreCounts } from "../store/port/history.ts";
import type { Chain, Tally } from "./tally.ts";
import { type AgentFigures, type TopOrder, topAgents } from "./top.ts";

export interface FiguresOptions {
  readonly store: {
    counts(): Promise<StoreCounts>;
    downEpochs(agent: string): Promise<readonly EpochRange[]>;
  };
  readonly registry: { all(): readonly AgentRecord[] };
  readonly session: (agent: string) => SessionFigures | null;
  readonly tally: Tally;
  readonly counters: LinkCounters;
  readonly credit: () => Credit;
  readonly health: () => HubHealth;
  /** Bytes of memory that the process has. */
  readonly residentBytes: () => number;
  readonly now: () => number;
  readonly monotonic: () => number;
}

export interface HubCounts {
  readonly agents: { readonly total: number; readonly online: number; readonly conflicts: number };
  readonly pending_instances: number;
  readonly dead_letters: number;
}

export interface HubFigures extends HubHealth, HubCounts {
  readonly totals: ReturnType<Tally["totals"]>;
  readonly link: LinkCounters;
  readonly credit: Credit;
  readonly resident_bytes: number;
  /** Of all agents that are connected. */
  readonly backlog: number;
  /** Those that are furthest behind; never the whole fleet. */
  readonly worst: readonly AgentFigures[];
}

/** What `petrel top` shows. */
export interface Top {
  readonly at: string;
  readonly hub: Omit<HubFigures, "worst">;
  readonly agents: readonly AgentFigures[];
  readonly chains: readonly Chain[];
}

export interface TopQuery {
  readonly order: TopOrder;
  readonly agents: number;
  readonly chains: number;
}

/** A series for each agent would be too many for Prometheus; these are the ones to look at. */
export const mostWorst = 20;

export class HubWatch {
  readonly #options: FiguresOptions;

  constructor(options: FiguresOptions) {
    this.#options = options;
  }

  async counts(): Promise<HubCounts> {
    const { store, registry } = this.#options;
    const { pending, dead_letters } = await store.counts();
    const agents = registry.all();
    let online = 0;
    let conflicts = 0;
    for (const agent of agents) {
      if (agent.online) online++;
      if (agent.conflict != null) conflicts++;
    }
    return { agents: { total: agents.length, online, conflicts }, pending_instances: pending, dead_letters };
  }

  async figures(): Promise<HubFigures> {
    return { ...(await this.#hub()), worst: await this.#agents("lag", mostWorst) };
  }

  async top({ order, agents, chains }: TopQuery): Promise<Top> {
    const { tally, now } = this.#options;
    return {
      at: timestamp(now()),
      hub: await this.#hub(),
      agents: await this.#agents(order, agents),
      chains: tally.chains(chains),
    };
  }

  async #hub(): Promise<Top["hub"]> {
    const { registry, session, tally, counters, credit, health, residentBytes, monotonic } = this.#options;
    const backlog = registry.all().reduce((sum, { id }) => sum + (session(id)?.backlog ?? 0), 0);
    return {
      ...health(),
      ...(await this.counts()),
      totals: tally.totals(monotonic()),
      link: { ...counters },
      credit: credit(),
      resident_bytes: residentBytes(),
      backlog,
    };
  }

  /** Reads the ledgers of those shown that are away, and of no others. */
  async #agents(order: TopOrder, limit: number): Promise<readonly AgentFigures[]> {
    const { store, registry, session, tally, monotonic } = this.#options;
    const atMs = monotonic();
    const rates = (agent: string) => tally.rates(agent, atMs);
    const rows = topAgents({ agents: registry.all(), session, rates }, order, limit);
    return Promise.all(
      rows.map(async (row) => {
        if (row.undelivered !== null) return row;
        const epochs = await store.downEpochs(row.id);
        return { ...row, undelivered: epochs.reduce((sum, { first, last }) => sum + last - first + 1, 0) };
      }),
    );
  }
}
