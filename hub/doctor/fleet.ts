/** Finds what is wrong with the agents of a hub, and with its rules. Pure. */
import { type Found, fault, firstOf, note, warning } from "../../shared/doctor/finding.ts";
import type { Check } from "../../shared/doctor/run-checks.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import { versionSkew } from "../../shared/version-skew.ts";
import type { HubFacts } from "./hub-facts.ts";

const dayMs = 86_400_000;
/** One that is away for longer has most likely gone. */
const longAwayMs = 7 * dayMs;
/** As in the hub's own warning. */
const skewMs = 30_000;
const lateMs = 60_000;
const agentList = "petrel agent list";

/** An agent of another version than the hub's: how far apart they are, and who is to be upgraded by which way. */
function versionFound(agent: AgentRecord, own: string, format: number | null): Found {
  const { id, version: its } = agent;
  const skew = versionSkew(its, own);
  const isFar = skew === "much_older" || skew === "much_newer";
  const isNewer = skew === "newer" || skew === "much_newer";
  const way = isNewer ? "petrel upgrade FILE" : wayUp(agent, skew === "much_older" ? "VERSION" : own, format);
  const fix = `${isFar ? "step by step (docs/guides/upgrade.md): " : ""}${isNewer ? "upgrade the hub: " : ""}${way}`;
  return isFar
    ? warning(`it runs version ${its}, the hub ${own}: only one version apart is tested`, `agent ${id}`, fix)
    : note(`it runs version ${its}, the hub ${own}`, `agent ${id}`, fix);
}

/** How an older agent becomes this version. Over a format of its database only its host can be asked. */
function wayUp(
  { id, upgrades, store_format: its }: AgentRecord,
  version: string,
  format: number | null,
): string {
  if (upgrades === false)
    return "this version cannot be upgraded by its hub: install the new one on its host";
  if (its !== undefined && format !== null && its !== format)
    return "on its host, after a backup of its data folder: petrel-agent upgrade FILE --allow-format-change";
  return `petrel agent upgrade ${id} --version ${version}`;
}

export const fleetChecks: readonly Check<HubFacts>[] = [
  [
    "hub-keys-older",
    "agents",
    "none has seen newer keys of the hub than these",
    ({ agents, hubKeys: { serial } }) =>
      firstOf(
        agents
          .filter(({ hub_keys_serial = 0 }) => serial > 0 && hub_keys_serial > serial)
          .map(({ id, hub_keys_serial }) =>
            fault(
              `it refuses this hub: the hub's keys (${serial}) are older than those it has seen (${hub_keys_serial})`,
              `agent ${id}`,
              "put back the newest copy of the hub's folder keys, or petrel hub keys rotate",
            ),
          ),
        agentList,
      ),
  ],
  [
    "hub-keys-seen",
    "agents",
    "all have seen the newest keys of the hub",
    // The first statement is that of the enrolment.
    ({ agents, hubKeys: { serial } }) =>
      firstOf(
        agents
          .filter(({ hub_keys_serial = 0 }) => serial > 1 && hub_keys_serial < serial)
          .map(({ id }) =>
            note(
              "it has not heard of the hub's newest keys: who has an old one can be the hub for it",
              `agent ${id}`,
              `let it be online once, or petrel agent remove ${id}`,
            ),
          ),
        agentList,
      ),
  ],
  [
    "agent-conflicts",
    "agents",
    "no id is used twice",
    ({ agents }) =>
      firstOf(
        agents
          .filter(({ conflict }) => conflict != null)
          .map(({ id, conflict }) =>
            fault(
              `two machines have this id: ${(conflict?.parties ?? []).map(({ host, address }) => host ?? address ?? "unknown").join(", ")}`,
              `agent ${id}`,
              `docs/guides/conflicts.md; then petrel agent resolve ${id}`,
            ),
          ),
        agentList,
      ),
  ],
  [
    "agents-away",
    "agents",
    "none is away for long",
    ({ agents, hubNow }) =>
      firstOf(
        agents
          .filter(({ online, last_seen }) => !online && hubNow - Date.parse(last_seen) > longAwayMs)
          .map(({ id, last_seen }) => {
            const days = Math.floor((hubNow - Date.parse(last_seen)) / dayMs);
            const fix = `petrel-agent doctor on its host; if it has gone for good: petrel agent remove ${id}`;
            return warning(`it is away for ${days} days`, `agent ${id}`, fix);
          }),
        agentList,
      ),
  ],
  [
    "agents-lost",
    "agents",
    "none is lost",
    ({ agents, hubNow }) =>
      firstOf(
        agents
          .filter(
            ({ online, lost, last_seen }) =>
              !online && lost !== undefined && hubNow - Date.parse(last_seen) <= longAwayMs,
          )
          .map(({ id, last_seen }) =>
            warning(`it is away since ${last_seen}`, `agent ${id}`, "petrel-agent doctor on its host"),
          ),
        agentList,
      ),
  ],
  [
    "agents-degraded",
    "agents",
    "all take work",
    ({ agents }) =>
      firstOf(
        agents
          .filter(({ online, degraded }) => online && degraded != null)
          .map(({ id, degraded }) =>
            fault(`it takes no new work: ${degraded}`, `agent ${id}`, "petrel-agent doctor on its host"),
          ),
        agentList,
      ),
  ],
  [
    "agents-behind",
    "agents",
    "none is far behind",
    ({ behind }) =>
      firstOf(
        behind
          .filter(({ lag_ms }) => lag_ms !== null && lag_ms >= lateMs)
          .map(({ id, lag_ms, backlog }) =>
            warning(
              `what it tells is ${Math.round((lag_ms ?? 0) / 1000)} s old, with ${backlog ?? 0} entries behind it`,
              `agent ${id}`,
              "petrel top shows whether it catches up; petrel-agent doctor on its host",
            ),
          ),
        "petrel top",
      ),
  ],
  [
    "agent-clocks",
    "agents",
    "all are as the hub's",
    ({ agents }) =>
      firstOf(
        agents
          .filter(({ skew_ms, online }) => online && Math.abs(skew_ms ?? 0) > skewMs)
          .map(({ id, skew_ms }) =>
            warning(
              `its clock differs by ${Math.round((skew_ms ?? 0) / 1000)} s`,
              `agent ${id}`,
              "let a time service set it: timedatectl set-ntp true",
            ),
          ),
        agentList,
      ),
  ],
  [
    "agent-versions",
    "agents",
    "all have the hub's",
    ({ agents, version, agentFormat }) =>
      firstOf(
        agents
          .filter((agent) => agent.online && agent.version !== version)
          .map((agent) => versionFound(agent, version, agentFormat)),
        agentList,
      ),
  ],
  [
    "agent-protocols",
    "agents",
    "none speaks a later protocol than the hub",
    ({ laterProtocol }) =>
      firstOf(
        laterProtocol.map(({ agent, messages }) =>
          warning(
            `it speaks a later protocol, and is not linked: ${messages} of its messages were refused (WIRE_VERSION)`,
            `agent ${agent}`,
            "upgrade the hub: petrel upgrade FILE",
          ),
        ),
        agentList,
      ),
  ],
  [
    "agent-packs",
    "packs",
    "all packs run where they are assigned",
    ({ agents }) =>
      firstOf(
        agents.flatMap(({ id, pack_problems }) =>
          Object.keys(pack_problems ?? {}).map((ref) =>
            warning("parts of it cannot run", `pack ${ref} on agent ${id}`, `petrel pack status ${ref}`),
          ),
        ),
        "petrel pack status",
      ),
  ],
  [
    "sensors",
    "packs",
    "none has failed",
    ({ sensors, agents }) => {
      const online = new Set(agents.filter((agent) => agent.online).map(({ id }) => id));
      return firstOf(
        sensors
          .filter(({ agent, state }) => online.has(agent) && (state === "failed" || state === "backing-off"))
          .map(({ agent, sensor, state, restarts }): Found => {
            const what = `it is ${state}, after ${restarts} restarts`;
            const say = state === "failed" ? fault : warning;
            return say(what, `${sensor} on agent ${agent}`, `petrel sensor list --agent ${agent} says why`);
          }),
        "petrel sensor list",
      );
    },
  ],
  [
    "rules",
    "packs",
    "none has failed within a day",
    ({ failedRules }) =>
      firstOf(
        failedRules.map(({ rule, reason, count }) =>
          warning(
            `it failed ${count} times within a day: ${reason}`,
            `rule ${rule}`,
            `petrel rule-enforcement list --rule ${rule}; petrel rule why ${rule} INSTANCE`,
          ),
        ),
        "petrel rule-enforcement list",
      ),
  ],
  [
    "gaps",
    "agents",
    "nothing was lost",
    ({ gaps, hubNow }) => {
      const recent = gaps.filter(({ recorded_at }) => hubNow - Date.parse(recorded_at) < dayMs);
      const [last] = recent;
      if (last === undefined) return [];
      const agents = new Set(recent.map(({ agent }) => agent));
      return [
        warning(
          `entries were lost within a day, the last at ${last.recorded_at}`,
          agents.size === 1 ? `agent ${last.agent}` : `${agents.size} agents`,
          "petrel gap list says which, and why",
        ),
      ];
    },
  ],
];
