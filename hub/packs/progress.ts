/** How far agents are with what they were assigned: told by what they say of themselves. Pure. */
import { errorReport } from "../../shared/errors.ts";
import type { AgentRecord, SensorRecord } from "../../shared/model/agent.ts";
import type { PackRecord } from "../../shared/model/pack.ts";
import type { ConfigOf } from "./agent-config.ts";
import { fingerprintFor, isAssigned } from "./assign.ts";
import { configFor } from "./layers.ts";

/**
 * `applied`: it has this version with this configuration, and the pack's sensors run with them. `pending`: not yet.
 * `failed`: a sensor cannot run with them. `away`: it is not connected and applies them when it is. `unknown`: its
 * version is too old to tell.
 */
export type AppliedState = "applied" | "pending" | "failed" | "away" | "unknown";

export interface PackOnAgent {
  readonly agent: string;
  readonly online: boolean;
  readonly state: AppliedState;
  /** For people; `null` when there is nothing to say. */
  readonly detail: string | null;
}

/** Agents that run the pack or are to run it, or still have it although they are to let it go; by id. */
export function packOnAgents(
  pack: PackRecord,
  agents: readonly AgentRecord[],
  sensors: readonly SensorRecord[],
  configOf: ConfigOf = configFor,
): readonly PackOnAgent[] {
  return agents
    .filter((agent) => isAssigned(pack, agent) || Object.hasOwn(agent.packs, pack.ref))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map((agent) => {
      const own = sensors.filter((sensor) => sensor.agent === agent.id);
      const { state, detail } = stateOf(pack, agent, own, configOf);
      const isAway = state === "pending" && !agent.online;
      return { agent: agent.id, online: agent.online, state: isAway ? "away" : state, detail };
    });
}

type Told = Pick<PackOnAgent, "state" | "detail">;

function stateOf(
  pack: PackRecord,
  agent: AgentRecord,
  sensors: readonly SensorRecord[],
  configOf: ConfigOf,
): Told {
  if (!isAssigned(pack, agent)) return { state: "pending", detail: "it is to let the pack go" };
  let wanted: string;
  try {
    wanted = fingerprintFor(pack, agent.labels, configOf);
  } catch (error) {
    return { state: "failed", detail: `its configuration cannot be made: ${errorReport(error).message}` };
  }
  if (agent.fingerprints === undefined) {
    return agent.packs[pack.ref] === pack.digest
      ? { state: "unknown", detail: "this agent's version does not tell which configuration it runs" }
      : { state: "pending", detail: null };
  }
  if (agent.fingerprints[pack.ref] !== wanted) {
    // It has no version of it, and says why: its host lets none be.
    const refused = Object.hasOwn(agent.packs, pack.ref) ? undefined : agent.pack_problems?.[pack.ref];
    if (refused !== undefined) return { state: "failed", detail: refused };
    const isPreparing = agent.preparing?.includes(pack.ref) === true;
    return { state: "pending", detail: isPreparing ? "its requirements are being installed" : null };
  }
  const problem = agent.pack_problems?.[pack.ref];
  if (problem !== undefined) return { state: "failed", detail: problem };
  const states = pack.pack.sensors
    .filter(({ enabled }) => enabled)
    .map(({ ref }) => sensorTold(ref, wanted, sensors));
  return (
    states.find(({ state }) => state === "failed") ??
    states.find(({ state }) => state === "pending") ?? { state: "applied", detail: null }
  );
}

function sensorTold(ref: string, wanted: string, sensors: readonly SensorRecord[]): Told {
  const sensor = sensors.find((each) => each.sensor === ref);
  if (sensor === undefined || sensor.fingerprint !== wanted) {
    return { state: "pending", detail: `${ref} is not started yet` };
  }
  switch (sensor.state) {
    case "running":
      return sensor.problem == null
        ? { state: "applied", detail: null }
        : { state: "failed", detail: `${ref} goes on as before: ${sensor.problem}` };
    case "failed":
    case "backing-off":
      return {
        state: "failed",
        detail: `${ref} is ${sensor.state}: ${sensor.last_error ?? "no reason given"}`,
      };
    default:
      return { state: "pending", detail: `${ref} is ${sensor.state}` };
  }
}
