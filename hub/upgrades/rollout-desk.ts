/** What people ask of rollouts: begin one, look at it, hold it, go on, give it up. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { compareVersions } from "../../shared/install/release.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Responder } from "../../shared/link/ask.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { AgentRollout, RolloutAgent } from "../../shared/model/agent-rollout.ts";
import type { LabelSelector } from "../../shared/model/pack.ts";
import { compressedBytes } from "../../shared/upgrade/manifest.ts";
import { hasLabels } from "../agents/label-pairs.ts";
import type { Store } from "../store/store.ts";
import { countsOf, isOpen, waitingAgent } from "./rollout.ts";
import type { Rollouts } from "./rollouts.ts";

export interface RolloutRequest {
  readonly version: string;
  /** By name, by labels, or (neither) all. */
  readonly agents?: readonly string[] | undefined;
  readonly labels?: LabelSelector | undefined;
  readonly batch: number;
  readonly max_failures: number;
  readonly allow_downgrade: boolean;
  readonly skip_offline: boolean;
  /** Seconds. */
  readonly within: number;
  readonly settle: number;
  readonly offline_for: number;
  readonly user: string;
}

export interface RolloutDeskOptions {
  readonly store: Pick<Store, "agentReleases" | "rollouts" | "rollout" | "rolloutAgents" | "dropRollout">;
  readonly agents: { all(): readonly AgentRecord[]; get(id: string): AgentRecord | null };
  readonly rollouts: Pick<Rollouts, "begin" | "change">;
  /** The hub's own. */
  readonly version: string;
  readonly newId: () => string;
  readonly now: () => number;
}

/** An agent of a rollout, as it is shown. */
export interface RolloutAgentView extends RolloutAgent {
  /** Of the compressed binary, while it is sent. */
  readonly sent_bytes: number | null;
  readonly of_bytes: number | null;
}

/** Without what only machines read. */
export type RolloutView = Omit<AgentRollout, "releases" | "rev"> & {
  readonly architectures: readonly string[];
};

export function rolloutView({ releases, rev: _, ...rollout }: AgentRollout): RolloutView {
  return { ...rollout, architectures: releases.map(({ arch }) => arch) };
}

/** Ended ones; the oldest of more are forgotten. */
const mostEnded = 100;

export class RolloutDesk {
  readonly #options: RolloutDeskOptions;
  /** By digest of a part: the bytes before it, its own, and those of all parts, in the rollout that began last. */
  #places = new Map<string, { readonly from: number; readonly size: number; readonly of: number }>();
  /** Agent to the bytes that it has asked for; nothing rests on it. */
  readonly #sent = new Map<string, { readonly bytes: number; readonly of: number }>();

  constructor(options: RolloutDeskOptions) {
    this.#options = options;
  }

  /** API_BAD_REQUEST, RELEASE_UNKNOWN, UPGRADE_STEP, AGENT_UNKNOWN: then nothing was begun. */
  async begin(request: RolloutRequest): Promise<AgentRollout> {
    const { within, settle } = request;
    if (settle >= within)
      throw new PetrelError(
        "API_BAD_REQUEST",
        `an agent's link has to be up for ${settle} s, and the agent has ${within} s for all of its upgrade: it could only fail`,
        { where: "settle", hint: "give a longer --within, or a shorter --settle" },
      );
    const { store, rollouts, newId, now, version: own } = this.#options;
    const { version, agents: _agents, offline_for, ...more } = request;
    const all = await store.agentReleases();
    const found = all.filter((one) => one.version === version);
    // The same for each architecture, and only a file for this machine was asked.
    const store_format = found.find((one) => one.store_format != null)?.store_format ?? null;
    const releases = found.map(({ added_at: _at, added_by: _by, ...manifest }) => ({
      ...manifest,
      store_format,
    }));
    if (releases.length === 0)
      throw new PetrelError("RELEASE_UNKNOWN", `the hub has no binary of version ${version}`, {
        hint: "add one: petrel agent release add FILE; `petrel agent release list` shows what there is",
      });
    const newer = releases.find(({ min_hub }) => min_hub !== null && compareVersions(own, min_hub) < 0);
    if (newer !== undefined)
      throw new PetrelError(
        "UPGRADE_STEP",
        `agents of ${version} want a hub of ${newer.min_hub}, and this is ${own}`,
        {
          hint: "upgrade the hub first",
        },
      );
    const agents = this.#choose(request).map(waitingAgent);
    const nowMs = now();
    const rollout: AgentRollout = {
      ...more,
      id: newId(),
      version,
      releases,
      labels: request.labels ?? null,
      offline_until: timestamp(nowMs + offline_for * 1_000),
      state: "running",
      reason: null,
      started_at: timestamp(nowMs),
      ended_at: null,
      batches: 0,
      forgiven: 0,
      counts: countsOf(agents),
      rev: 1,
    };
    await this.#forgetOld();
    this.#watch(rollout);
    await rollouts.begin(rollout, agents);
    return (await store.rollout(rollout.id)) ?? rollout;
  }

  /** Oldest first. */
  list(): Promise<readonly AgentRollout[]> {
    return this.#options.store.rollouts();
  }

  /** NOT_FOUND. */
  async get(id: string): Promise<AgentRollout> {
    return known(await this.#options.store.rollout(id), id);
  }

  /** In the order of their turns. NOT_FOUND. */
  async agents(id: string): Promise<readonly RolloutAgentView[]> {
    const rollout = await this.get(id);
    if (isOpen(rollout) && this.#places.size === 0) this.#watch(rollout);
    return (await this.#options.store.rolloutAgents(id)).map((each) => {
      const sent = each.state === "sending" ? this.#sent.get(each.agent) : undefined;
      return { ...each, sent_bytes: sent?.bytes ?? null, of_bytes: sent?.of ?? null };
    });
  }

  /** NOT_FOUND, ROLLOUT_STATE. */
  async pause(id: string): Promise<AgentRollout> {
    return this.#change(id, "pause", ["running"], (rollout) => ({ ...rollout, state: "paused" }));
  }

  /** After too many failures those that were do not count any more. NOT_FOUND, ROLLOUT_STATE. */
  async resume(id: string): Promise<AgentRollout> {
    return this.#change(id, "resume", ["paused", "stopped"], (rollout) => {
      const { failed, rolled_back } = rollout.counts;
      const forgiven = rollout.state === "stopped" ? failed + rolled_back : rollout.forgiven;
      return { ...rollout, state: "running", reason: null, forgiven };
    });
  }

  /** Agents that have begun to install go on to their end. NOT_FOUND, ROLLOUT_STATE. */
  async cancel(id: string): Promise<AgentRollout> {
    return this.#change(id, "cancel", ["running", "paused", "stopped"], (rollout) => ({
      ...rollout,
      state: "canceled",
      reason: null,
    }));
  }

  /** Notes how far an agent has come with a binary; answers as `answer` does. */
  noting(agent: string, answer: Responder): Responder {
    return async (args) => {
      const answered = await answer(args);
      // Only now is it known that the question was one.
      if (this.#places.size > 0) this.#note(agent, args);
      return answered;
    };
  }

  #note(agent: string, { digest, offset, length }: JsonObject): void {
    const place = this.#places.get(String(digest));
    if (place === undefined) return;
    const { from, size, of } = place;
    this.#sent.set(agent, { bytes: from + Math.min(size, Number(offset) + Number(length)), of });
  }

  /** Places of parts are kept of the newest rollout alone: it is what people look at. */
  #watch({ releases }: AgentRollout): void {
    this.#places = new Map();
    this.#sent.clear();
    for (const release of releases) {
      let from = 0;
      const of = compressedBytes(release);
      for (const { digest, size } of release.parts) {
        this.#places.set(digest, { from, size, of });
        from += size;
      }
    }
  }

  async #change(
    id: string,
    verb: string,
    from: readonly AgentRollout["state"][],
    change: (rollout: AgentRollout) => AgentRollout,
  ): Promise<AgentRollout> {
    const changed = await this.#options.rollouts.change(id, (rollout, agents) => {
      if (!isOpen(rollout) || !from.includes(rollout.state))
        throw new PetrelError("ROLLOUT_STATE", `a rollout that is ${rollout.state} cannot ${verb}`, {
          where: id,
          hint: `petrel agent rollout get ${id}`,
        });
      const next = change(rollout);
      const sending = (each: RolloutAgent) => each.state === "sending";
      return {
        rollout: next,
        withdraw: next.state === "canceled" ? agents.filter(sending).map(({ agent }) => agent) : [],
      };
    });
    return known(changed, id);
  }

  /** By id: the order of their turns. */
  #choose({ agents, labels }: RolloutRequest): readonly string[] {
    const { all, get } = this.#options.agents;
    if (agents !== undefined && labels !== undefined)
      throw new PetrelError("API_BAD_REQUEST", "agents and labels exclude each other");
    const unknown = agents?.find((id) => get(id) === null);
    if (unknown !== undefined)
      throw new PetrelError("AGENT_UNKNOWN", `no agent has the id ${unknown}`, {
        hint: "`petrel agent list` shows all",
      });
    const chosen =
      agents ??
      all()
        .filter((agent) => hasLabels(agent.labels, labels ?? {}))
        .map(({ id }) => id);
    if (chosen.length > 0) return [...new Set(chosen)].sort();
    throw new PetrelError(
      "AGENT_UNKNOWN",
      labels === undefined ? "there is no agent" : "no agent has these labels",
      {
        hint: "`petrel agent list` shows all with their labels",
      },
    );
  }

  async #forgetOld(): Promise<void> {
    const { store } = this.#options;
    const ended = (await store.rollouts()).filter((rollout) => !isOpen(rollout));
    for (const { id } of ended.slice(0, Math.max(0, ended.length - mostEnded))) await store.dropRollout(id);
  }
}

function known(rollout: AgentRollout | null, id: string): AgentRollout {
  if (rollout !== null) return rollout;
  throw new PetrelError("NOT_FOUND", `no rollout has the id ${id}`, {
    hint: "`petrel agent rollout list` shows all",
  });
}
