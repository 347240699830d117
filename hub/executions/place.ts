/** Which agents an action runs on. */
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { ActionTarget } from "../../shared/model/rule.ts";
import type { Origin } from "../../shared/model/trigger.ts";

/** The agent that runs beside the hub. */
export const hubAgentId = "hub";

/** The agents that are known; asked for every execution, so by id it has to be quick. */
export interface KnownAgents {
  all(): readonly AgentRecord[];
  get(id: string): AgentRecord | null;
}

export type Placement =
  | { readonly found: true; readonly agents: readonly string[] }
  | { readonly found: false; readonly reason: string };

/** True when `labels` has every pair of `selector`. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(
    ([key, value]) => Object.hasOwn(labels, key) && labels[key] === value,
  );
}

/**
 * Resolves a target. Default: the agent the trigger came from, else the agent beside the hub. `any` and `limit`
 * pick agents that are online and sent to, in the order of their ids, so that a replay picks the same while nothing changed.
 */
export function place(
  target: ActionTarget | undefined,
  origin: Pick<Origin, "agent">,
  agents: KnownAgents,
): Placement {
  const wanted = target ?? (origin.agent === null ? "hub" : "origin");
  if (wanted === "origin") {
    if (origin.agent === null) return missing("the trigger came from no agent; give action.target");
    return one(origin.agent, agents);
  }
  if (wanted === "hub") return one(hubAgentId, agents);
  if ("host" in wanted) return one(wanted.host, agents);
  const fitting = agents.all().filter((agent) => hasLabels(agent.labels, wanted.labels));
  const shown = Object.entries(wanted.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  if (fitting.length === 0) return missing(`no agent has the labels ${shown}`);
  if (wanted.mode !== "any" && wanted.limit === undefined) return { found: true, agents: idsOf(fitting) };
  const online = idsOf(fitting.filter((agent) => agent.online && agent.conflict == null));
  if (online.length === 0) return missing(`no agent with the labels ${shown} is online`);
  const limit = wanted.limit ?? (wanted.mode === "any" ? 1 : online.length);
  return { found: true, agents: online.slice(0, limit) };
}

const idsOf = (agents: readonly AgentRecord[]): readonly string[] => agents.map(({ id }) => id).sort();

function one(name: string, agents: KnownAgents): Placement {
  if (agents.get(name) !== null) return { found: true, agents: [name] };
  const byHost = agents.all().filter((agent) => agent.host === name);
  if (byHost.length === 1 && byHost[0] !== undefined) return { found: true, agents: [byHost[0].id] };
  if (byHost.length > 1) return missing(`${byHost.length} agents run on host ${name}; name one by its id`);
  return missing(
    name === hubAgentId
      ? "there is no agent beside the hub; on its host enrol one with a token of `petrel agent token --id hub`, or start the hub `--with-agent`, or give action.target"
      : `there is no agent ${name}`,
  );
}

const missing = (reason: string): Placement => ({ found: false, reason });
