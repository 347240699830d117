/** Judges an agent by what it says itself on its socket. Pure. */
import { type Found, fault, firstOf, note, ok, warning } from "../../shared/doctor/finding.ts";
import { sizeText } from "../../shared/doctor/host-checks.ts";
import { type VersionSkew, versionSkew } from "../../shared/version-skew.ts";
import { oldestMs } from "../status/status.ts";
import { type AgentCase, type RunningAgent, runningOf } from "./agent-case.ts";

/** As in the hub's own warning. */
const skewMs = 30_000;
/** What waits for longer is not just on its way. */
const waitsMs = 10 * 60_000;
/** Of the outbox's cap: beyond, sensors will soon have to wait. */
const fullShare = 0.8;

/** Of an agent that answers. */
export interface RunningCase extends AgentCase {
  readonly agent: RunningAgent;
}

export const isRunning = (of: AgentCase): of is RunningCase => typeof of.agent !== "string";

export function lifeFound({ agent, data, version }: AgentCase): readonly Found[] {
  const start = "systemctl start petrel-agent, or petrel-agent run";
  if (agent === "stopped")
    return [fault("no agent runs on this data folder; what only it can tell is left out here", data, start)];
  if (agent === "between") {
    return [
      warning(
        "an agent has its database open and does not listen: it is starting, or ending",
        data,
        "ask again in a moment; if it stays so, its log says why: journalctl -u petrel-agent",
      ),
    ];
  }
  if (agent === "closed") {
    return [
      note("whether it runs cannot be seen: only its own user may ask it", data, "run the doctor as root"),
    ];
  }
  if (agent === "silent") {
    return [
      fault(
        "an agent is there and does not answer",
        data,
        "look at its log (journalctl -u petrel-agent), then restart it: systemctl restart petrel-agent",
      ),
    ];
  }
  const { status } = agent;
  if (status.version !== version) {
    return [
      warning(
        `version ${status.version} still runs, and ${version} is installed`,
        `agent ${status.id}`,
        "restart it: systemctl restart petrel-agent",
      ),
    ];
  }
  if (status.degraded !== null) {
    return [
      fault(
        `it is degraded: ${status.degraded}`,
        `agent ${status.id}`,
        "make room, or see why the hub is slow",
      ),
    ];
  }
  return [ok(`version ${status.version} runs, since ${status.started_at}`, `agent ${status.id}`)];
}

export function linkFound({ agent: running }: RunningCase): readonly Found[] {
  const { hub, link_up, connected, identity, credit, link, later_protocol: later } = running.status;
  if (identity?.refused != null) {
    const { code, message } = identity.refused;
    if (code === "IDENTITY_HUB_KEYS") {
      const fix =
        "on the hub: put back the newest copy of its folder keys, or petrel hub keys rotate; if neither can be done, enrol again";
      return [fault(`this agent does not trust the hub: ${code}: ${message}`, hub, fix)];
    }
    return [
      fault(
        `the hub does not let this agent in: ${code}: ${message}`,
        hub,
        code === "IDENTITY_CLOCK"
          ? "let a time service set this host's clock: timedatectl set-ntp true"
          : "on the hub: petrel agent get ID and petrel agent pending; then enrol again if it was removed",
      ),
    ];
  }
  if (!link_up && connected && later > 0) {
    const what = `the hub speaks a later protocol: ${later} of its messages were refused (WIRE_VERSION)`;
    return [fault(what, hub, "upgrade this agent: petrel-agent upgrade FILE")];
  }
  if (!link_up) {
    const how = connected
      ? "the broker is reached, and the hub does not answer"
      : "the broker is not reached";
    return [
      fault(
        how,
        hub,
        connected
          ? "see that the hub runs, and that it uses this broker: petrel hub status"
          : "see the check hub-reach",
      ),
    ];
  }
  const found: Found[] = [];
  if (credit.entries === 0 || credit.bytes === 0) {
    const fix = "on the hub: petrel doctor, petrel top; its disk or its intake is at its limit";
    found.push(warning("the hub takes nothing at the moment (credit 0)", hub, fix));
  }
  const forged = link.refused.WIRE_AUTH ?? 0;
  if (forged > 0) {
    found.push(
      warning(
        `${forged} messages in the hub's name were not the hub's (WIRE_AUTH)`,
        hub,
        "see who else may write to this broker",
      ),
    );
  }
  return found.length > 0 ? found : [ok("linked to the hub", hub)];
}

export function outboxFound({ agent: running, config, data }: RunningCase): readonly Found[] {
  const { status } = running;
  const { entries, bytes } = status.outbox;
  const capBytes = config instanceof Error ? null : config.values.outbox.max_mib * 1024 ** 2;
  const waits = `${entries} entries (${sizeText(bytes)}) wait for the hub`;
  const since = oldestMs(status);
  const found: Found[] = [];
  if (capBytes !== null && bytes >= capBytes * fullShare) {
    found.push(
      warning(
        `${waits}, of ${sizeText(capBytes)}: then sensors have to wait`,
        "outbox",
        "mend the link to the hub, or raise outbox.max_mib",
      ),
    );
  } else if (since > waitsMs) {
    found.push(warning(`${waits}, for ${Math.round(since / 60_000)} min`, "outbox", "see the check link"));
  }
  if (status.store.failed) {
    found.push(
      fault("its database cannot be written", data, "see the checks of the disk; its log says more"),
    );
  }
  return found.length > 0 ? found : [ok(entries === 0 ? "nothing waits for the hub" : waits, "outbox")];
}

export function clockFound(agentCase: AgentCase, issuedAt: number | null): readonly Found[] {
  const { now } = agentCase;
  const fix = "let a time service set it: timedatectl set-ntp true";
  const skew = runningOf(agentCase)?.status.skew_ms ?? null;
  if (skew !== null) {
    const seconds = `${(Math.abs(skew) / 1000).toFixed(1)} s ${skew < 0 ? "behind" : "ahead of"} the hub's`;
    if (Math.abs(skew) > skewMs) return [fault(`it is ${seconds}`, "clock", fix)];
    return [ok(`it is ${seconds}`, "clock")];
  }
  if (issuedAt !== null && now < issuedAt) {
    const made = new Date(issuedAt).toISOString();
    return [fault(`it is behind: this agent's certificate was made at ${made}`, "clock", fix)];
  }
  return [note("compared with the hub's only while the agent is linked", "clock")];
}

export function hubVersionFound({ agent: running }: RunningCase): readonly Found[] {
  const hub = running.status.hub_version;
  if (hub === null) return [note("not known before the agent has been linked", "the hub's version")];
  const { version, id } = running.status;
  if (hub === version) return [ok(`agent and hub are ${version}`, `agent ${id}`)];
  const skew = versionSkew(hub, version);
  const isFar = skew === "much_older" || skew === "much_newer";
  const fix = `${isFar ? "step by step (docs/guides/upgrade.md): " : ""}${sideToUpgrade(skew)}`;
  const what = `the agent is ${version}, the hub ${hub}`;
  return [
    isFar
      ? warning(`${what}: only one version apart is tested`, `agent ${id}`, fix)
      : note(what, `agent ${id}`, fix),
  ];
}

/** `hub`: what the hub is to this agent. */
function sideToUpgrade(hub: VersionSkew): string {
  if (hub === null) return "upgrade the older one";
  const isHub = hub === "older" || hub === "much_older";
  return isHub
    ? "upgrade the hub, on its host: petrel upgrade FILE"
    : "upgrade this agent: petrel-agent upgrade FILE, or petrel agent upgrade on the hub";
}

/** `quoted`: with what sensors say, which is nobody else's business. */
export function sensorsFound({ agent: running }: RunningCase, quoted: boolean): readonly Found[] {
  const { sensors } = running.status;
  const found = sensors.flatMap(({ sensor, state, restarts, last_error, problem }): Found[] => {
    const reason = state === "running" ? problem : last_error;
    const said = !quoted || reason === null ? "" : `: ${reason.split("\n")[0] ?? ""}`;
    if (state === "failed" || state === "backing-off") {
      const what = `it is ${state}, after ${restarts} restarts${said}`;
      const fix = "its log says more: journalctl -u petrel-agent | grep sensor=";
      return [(state === "failed" ? fault : warning)(what, sensor, fix)];
    }
    if (problem == null) return [];
    return [
      warning(
        `it does not run as assigned${said}`,
        sensor,
        "on the hub: petrel pack status, petrel sensor list",
      ),
    ];
  });
  if (found.length > 0) return firstOf(found, "petrel-agent status");
  return [ok(sensors.length === 0 ? "none is assigned" : `${sensors.length} are well`, "sensors")];
}

export function watchingFound({ agent: running }: RunningCase): readonly Found[] {
  const { coverage } = running;
  if (coverage === null) return [ok("no files are watched on this host", "watching")];
  const found = coverage.paths
    .filter(({ state }) => state !== "live")
    .map(({ path, state, reason }): Found => {
      const why = reason === "" ? "" : `: ${reason}`;
      const fix = /EPERM|root/.test(reason)
        ? "run the agent as root, or give it CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH"
        : "petrel-agent coverage says what that cannot see";
      return state === "blind"
        ? fault(`nothing finds its changes${why}`, path, fix)
        : note(`only sweeps find its changes${why}`, path, fix);
    });
  if (coverage.unreadable > 0) {
    const [first] = coverage.unreadable_paths;
    found.push(
      warning(
        `${coverage.unreadable} watched paths cannot be read${first === undefined ? "" : `, as ${first.error}`}`,
        first?.path ?? "watching",
        "petrel-agent coverage lists them",
      ),
    );
  }
  for (const missing of coverage.who?.missing ?? []) {
    found.push(note(`who made a change is not always known: ${missing}`, "watching"));
  }
  if (found.length > 0) return firstOf(found, "petrel-agent coverage");
  return [ok(`${coverage.paths.length} paths are watched live`, "watching")];
}

const troubleWithinMs = 3_600_000;

/** Of the last hour: the log itself says what they were. */
export function recentFound({ agent: running, now }: RunningCase): readonly Found[] {
  const errors = running.recent.filter((line) => isError(line) && now - timeOf(line) < troubleWithinMs);
  const last = errors.at(-1);
  if (last === undefined) return [ok("no errors in the last hour", "log")];
  return [
    note(
      `${errors.length} errors in the last hour, the last at ${new Date(timeOf(last)).toISOString()}`,
      "log",
      "journalctl -u petrel-agent -p err --since -1h; petrel-agent doctor --bundle FILE has them",
    ),
  ];
}

const isError = (line: string): boolean => / ERROR /.test(line) || line.includes('"level":"error"');
const timeOf = (line: string): number => {
  const at = Date.parse(/\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(line)?.[0] ?? "");
  return Number.isNaN(at) ? 0 : at;
};
