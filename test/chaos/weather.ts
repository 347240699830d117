/** What goes on around the processes: sensors and broker killed, anything stopped for a while, wires cut or slow. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Daemon } from "../support/fleet.ts";
import { processesAtHome } from "../support/home-processes.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";
import type { ChaosFleet } from "./fleet.ts";
import type { Tally } from "./lives.ts";
import { type PlanOptions, type Trouble, weather } from "./plan.ts";

export interface WeatherParts {
  readonly fleet: ChaosFleet;
  readonly tally: Tally;
  readonly options: PlanOptions & { readonly external: boolean };
  readonly kills: number;
  readonly isOver: () => boolean;
  readonly progress: () => void;
}

/** Resolves when it is over, and then nothing is stopped, cut or slow any more. */
export async function rage({ fleet, tally, options, kills, isOver, progress }: WeatherParts): Promise<void> {
  let left = kills;
  for (const { afterMs, trouble } of weather(options, () => left > 0)) {
    // What is left of its kills is made good when the others are done.
    if (isOver() && left <= 0) return;
    await sleep(isOver() ? afterMs / 4 : afterMs);
    if (!(await strike(fleet, trouble))) continue;
    if (trouble.kind === "kill sensor" || trouble.kind === "kill broker") {
      left -= 1;
      tally.count(tally.kills, trouble.kind.slice("kill ".length));
      progress();
    } else {
      tally.count(tally.weather, trouble.kind);
    }
  }
}

/** False when there was nothing to strike. */
async function strike(fleet: ChaosFleet, trouble: Trouble): Promise<boolean> {
  switch (trouble.kind) {
    case "kill sensor":
      return signal(sensorOf(fleet, trouble.agent), "SIGKILL");
    case "kill broker":
      await fleet.mosquitto?.kill();
      await fleet.mosquitto?.start();
      return true;
    case "stop hub":
      return stopped(pidOf(fleet.hub.daemon()), trouble.ms);
    case "stop broker":
      return stopped(fleet.mosquitto?.pid() ?? null, trouble.ms);
    case "stop agent":
      return stopped(pidOf(fleet.agents[trouble.agent]?.agent.daemon()), trouble.ms);
    case "stop sensor":
      return stopped(sensorOf(fleet, trouble.agent), trouble.ms);
    case "cut":
    case "hold":
    case "slow": {
      const wire = trouble.agent === null ? fleet.hubWire : fleet.agents[trouble.agent]?.wire;
      if (wire == null) return false;
      spoil(wire, trouble.kind);
      await sleep(trouble.ms);
      wire.mend();
      return true;
    }
  }
}

/** Of a slow wire, on each piece of data. */
const latencyMs = 80;

function spoil(wire: TcpProxy, how: "cut" | "hold" | "slow"): void {
  if (how === "slow") wire.slow(latencyMs);
  else wire[how]();
}

async function stopped(pid: number | null, ms: number): Promise<boolean> {
  if (!signal(pid, "SIGSTOP")) return false;
  await sleep(ms);
  // It may have been killed meanwhile.
  signal(pid, "SIGCONT");
  return true;
}

function sensorOf(fleet: ChaosFleet, agent: number): number | null {
  const home = fleet.agents[agent]?.home ?? "";
  return processesAtHome(home).find(({ sensor }) => sensor === "chaos.Counter")?.pid ?? null;
}

function pidOf(daemon: Daemon | undefined): number | null {
  if (daemon === undefined) return null;
  return daemon.child.exitCode === null && daemon.child.signalCode === null ? daemon.pid : null;
}

/** False when there is no such process. */
function signal(pid: number | null, name: NodeJS.Signals): boolean {
  if (pid === null) return false;
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
