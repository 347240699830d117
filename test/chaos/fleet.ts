/** What a campaign is held on: a hub, agents each on a wire of its own, and an external broker if asked for. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { slowFsync } from "../../bench/slow-fsync-process.ts";
import type { PackFile } from "../../shared/packs/pack-file.ts";
import { readPackFolder } from "../../shared/packs/read-pack-fs.ts";
import { agentReady, createAgent, createHub, type TestAgent, type TestHub } from "../support/fleet.ts";
import { type Mosquitto, mosquittoMissing, startMosquitto } from "../support/mosquitto-process.ts";
import { type TcpProxy, tcpProxy } from "../support/tcp-proxy.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

export interface ChaosAgent {
  readonly id: string;
  /** HOME of the agent and of all that it starts. */
  readonly home: string;
  readonly agent: TestAgent;
  readonly wire: TcpProxy;
  /** What its sensor was told is accepted, by the sensor's own list. */
  accepted(): readonly number[];
}

export interface ChaosFleet {
  readonly hub: TestHub;
  readonly agents: readonly ChaosAgent[];
  /** External broker only. */
  readonly mosquitto: Mosquitto | null;
  readonly hubWire: TcpProxy | null;
  /** Where actions write their lines. */
  readonly folder: string;
  /** Environment of a process whose syncs are slower by so many ms; empty without a compiler. */
  slow(ms: number): Readonly<Record<string, string>>;
  /** How far each sensor may count. */
  limit(number: number): void;
  /** Ends the counting. */
  halt(): void;
  isHalted(agent: ChaosAgent): boolean;
}

export interface FleetOptions {
  readonly agents: number;
  readonly external: boolean;
  /** Triggers that the first agent tells before it counts, for the purge. */
  readonly noise: number;
  readonly say: (line: string) => void;
}

/** Points are there, and none of them kills. */
export const unarmed = { PETREL_KILL_AT: "none" } as const;

const pack = resolve(import.meta.dirname, "../fixtures/packs-running/chaos");

/** Everything runs when it resolves, the noise has come in, and counting begins with the first limit. */
export async function createChaosFleet(options: FleetOptions): Promise<ChaosFleet> {
  const { external, noise, say } = options;
  const folder = await tempFolder("chaos");
  // Processes start hundreds of times: they need not strip and compile the same files each time.
  process.env.NODE_COMPILE_CACHE ??= join(folder, "compiled");
  const slow = await compiled(folder, say);
  const mosquitto = external ? await brokerOrThrow() : null;
  const hubWire = mosquitto === null ? null : await tcpProxy(mosquitto.port);
  const hub = await createHub(hubWire === null ? {} : { broker: `mqtt://127.0.0.1:${hubWire.port}` });
  await hub.start(unarmed);
  const broker = mosquitto?.port ?? Number(new URL(hub.mqtt).port);
  const agents: ChaosAgent[] = [];
  for (let at = 1; at <= options.agents; at++) agents.push(await startOne(`a${at}`, broker));
  for (const { id } of agents) await agentReady(hub, id);
  const config = { folder, noise, noisy: agents[0]?.home ?? "" };
  await hub.api("POST", "/v1/packs", { files: encoded(await readPackFolder(pack)), config });
  for (const { id } of agents) await agentReady(hub, id, ["core", "chaos"]);
  // All of it is older than every number: the purge, which removes the oldest, meets no number before it has gone.
  const noiseIn = async () => (await hub.all("/v1/trigger-instances?trigger=chaos.noise")).length >= noise;
  await waitUntil("the noise to be on the hub", noiseIn, 120_000, 300);
  return {
    hub,
    agents,
    mosquitto,
    hubWire,
    folder,
    slow,
    limit(number) {
      // Whole or not at all: sensors read it at any time.
      writeFileSync(join(folder, "limit.next"), String(number));
      renameSync(join(folder, "limit.next"), join(folder, "limit"));
    },
    halt: () => writeFileSync(join(folder, "halt"), ""),
    isHalted: ({ home }) => existsSync(join(home, "halted")),
  };
}

export function encoded(files: readonly PackFile[]) {
  return files.map((file) => ({ ...file, content: Buffer.from(file.content).toString("base64") }));
}

async function startOne(id: string, brokerPort: number): Promise<ChaosAgent> {
  const wire = await tcpProxy(brokerPort);
  const agent = await createAgent({ mqtt: `mqtt://127.0.0.1:${wire.port}` }, id);
  agent.start(unarmed);
  const home = dirname(agent.data);
  const list = join(home, "accepted");
  const accepted = () =>
    existsSync(list) ? readFileSync(list, "utf8").split("\n").filter(Boolean).map(Number) : [];
  return { id, home, agent, wire, accepted };
}

async function brokerOrThrow(): Promise<Mosquitto> {
  const missing = await mosquittoMissing();
  if (missing !== null) throw new Error(missing);
  return startMosquitto();
}

async function compiled(folder: string, say: FleetOptions["say"]): Promise<ChaosFleet["slow"]> {
  try {
    await slowFsync(folder, 0);
  } catch (error) {
    say(
      `NOT TESTED: slow syncs, since the shim cannot be compiled (${(error as Error).message.split("\n")[0]})`,
    );
    return () => ({});
  }
  const library = join(folder, "slow-fsync.so");
  return (ms) => (ms === 0 ? {} : { LD_PRELOAD: library, PETREL_BENCH_FSYNC_US: String(ms * 1000) });
}
