/** `bench overload --only neighbours`: what a frozen, a flooding and a garbage-sending agent cost fifty healthy ones. */
import { join } from "node:path";
import { createLogger } from "../shared/log.ts";
import { type LoadProcess, startLoadProcess } from "./child-process.ts";
import { triggerOf } from "./fleet-pack.ts";
import { startHub } from "./hub-process.ts";
import type { Role } from "./neighbours-main.ts";
import { drive } from "./pace.ts";
import { type SimulatedAgent, startSimulatedAgent } from "./simulated-agent.ts";

export interface NeighboursLoad {
  readonly agents: number;
  /** Chains that the healthy ones begin, together. */
  readonly perSecond: number;
  readonly seconds: number;
}

export interface BadNeighbour {
  /** Messages that it has sent so far; a frozen one does not answer. */
  said(): Promise<{ readonly messages: number; readonly bytes: number }>;
  stop(): Promise<void>;
}

const log = createLogger({
  level: "error",
  format: "text",
  write: (line) => process.stderr.write(`${line}\n`),
  now: () => Date.now(),
});

/** In a process of its own. Resolves when it is at it; a frozen one is stopped by then. */
export async function startNeighbour(role: Role, hub: string, folder: string): Promise<BadNeighbour> {
  const load: LoadProcess = startLoadProcess("./neighbours-main.ts");
  try {
    await load.ask({ op: "start", role, hub, folder });
  } catch (error) {
    await load.stop();
    throw error;
  }
  if (role === "frozen") process.kill(load.pid, "SIGSTOP");
  return {
    said: () => load.ask({ op: "said" }),
    async stop() {
      if (role === "frozen") process.kill(load.pid, "SIGKILL");
      await load.stop();
    },
  };
}

/** Latencies of the healthy ones' chains alone, beside each bad neighbour, and beside all three. */
export async function besideNeighbours(
  folder: string,
  options: NeighboursLoad,
  execArgv: readonly string[],
): Promise<void> {
  const hub = await startHub({ folder, brokerUrl: null, env: {}, execArgv });
  const agents: SimulatedAgent[] = [];
  let neighbours: BadNeighbour[] = [];
  let ended: (seq: number) => void = () => {};
  let begun = 0;
  let most = { intake: 0, resident: 0 };
  const watch = setInterval(() => {
    void hub.metrics().then((metrics) => {
      const of = (name: string) => metrics.get(name) ?? 0;
      most = {
        intake: Math.max(most.intake, of("petrel_intake_bytes")),
        resident: Math.max(most.resident, of("process_resident_memory_bytes")),
      };
    });
  }, 500);
  const measure = async () => {
    const first = begun;
    most = { intake: 0, resident: 0 };
    const measured = await drive(
      { perSecond: options.perSecond, warmupMs: 1_000, measureMs: options.seconds * 1_000 },
      (n) => {
        const { trigger, payload } = triggerOf(first + n);
        void agents[n % agents.length]?.trigger(trigger, payload);
      },
      (tell) => {
        ended = (seq) => tell(seq - first);
      },
      () => {},
    );
    begun += measured.begun;
    const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MB`;
    return (
      `p50 ${measured.p50Ms.toFixed(0)} ms, p99 ${measured.p99Ms.toFixed(0)} ms of ${measured.ended}; the hub: ` +
      `${megabytes(most.intake)} in intake at most, ${megabytes(most.resident)} resident`
    );
  };
  const stopAll = async () => {
    await Promise.all(neighbours.map((each) => each.stop()));
    neighbours = [];
  };
  try {
    for (let n = 0; n < options.agents; n++) {
      const id = `healthy-${n}`;
      agents.push(
        await startSimulatedAgent({
          ...{ id, folder: join(folder, id), hub: hub.mqtt, log },
          ended: (seq) => ended(seq),
        }),
      );
    }
    console.log(`${options.agents} agents, ${options.perSecond} chains/s, alone: ${await measure()}`);
    for (const roles of [["frozen"], ["flooding"], ["garbage"], ["frozen", "flooding", "garbage"]] as const) {
      const place = join(folder, roles.join("-"));
      for (const role of roles) neighbours.push(await startNeighbour(role, hub.mqtt, place));
      const line = `beside ${roles.join(", ")}: ${await measure()}`;
      const talkers = neighbours.filter((_, at) => roles[at] !== "frozen");
      const said = await Promise.all(talkers.map((each) => each.said()));
      const sent = said.map(({ messages, bytes }) => `${messages} messages, ${(bytes / 1e6).toFixed(0)} MB`);
      console.log(`${line}${sent.length > 0 ? ` (sent to it: ${sent.join("; ")})` : ""}`);
      await stopAll();
    }
    await hub.verify(begun, (agent) => agent.startsWith("healthy-"));
    console.log(`all ${begun} chains of the healthy ones have all their records`);
  } finally {
    clearInterval(watch);
    await stopAll();
    for (const agent of agents) await agent.stop();
    await hub.stop();
  }
}
