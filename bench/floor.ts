/**
 * `bench floor`: the hops of a chain and nothing else (a broker, a database each, the same four synced batches), beside the
 * raw round trip that `bench chain` is held against. What a chain takes beyond this is what Petrel does for it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startLoadProcess } from "./child-process.ts";
import { startMosquitto } from "./mosquitto-process.ts";
import { type Load, type Measured, median, spread } from "./pace.ts";

export const floorUsage = "[--agents 50] [--repetitions 3] [--seconds 3]";

interface Round extends Measured {
  readonly cpuSeconds: number;
  readonly loadCpuSeconds: number;
}

const paces: Readonly<Record<string, Pick<Load, "inFlight" | "perSecond">>> = {
  "1": { inFlight: 1 },
  "200": { inFlight: 200 },
  "500/s": { perSecond: 500 },
};

/** Resolves to the exit code. */
export async function floor(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      agents: { type: "string", default: "50" },
      repetitions: { type: "string", default: "3" },
      seconds: { type: "string", default: "3" },
    },
  });
  const agents = Number(values.agents);
  const repetitions = Number(values.repetitions);
  const measureMs = Number(values.seconds) * 1_000;
  const folder = await mkdtemp(join(tmpdir(), "petrel-floor-"));
  const broker = await startMosquitto(folder);
  const hub = startLoadProcess("floor-hub-main.ts");
  const raw = startLoadProcess("raw-main.ts");
  const load = startLoadProcess("floor-agents-main.ts");
  try {
    const port = await hub.ask<number>({ op: "start", folder: join(folder, "hub") });
    await raw.ask({ op: "start", port: broker.port, clients: agents, lean: false });
    await load.ask({ op: "start", port, folder, agents });
    const warm: Load = { inFlight: 200, warmupMs: 0, measureMs: Math.min(3_000, measureMs) };
    await load.ask({ op: "run", load: warm, pid: hub.pid });
    await raw.ask({ op: "run", load: warm, pid: broker.pid });
    for (const [name, pace] of Object.entries(paces)) {
      const one: Load = { ...pace, warmupMs: 500, measureMs };
      const rounds: { readonly raw: Measured; readonly floor: Round }[] = [];
      for (let i = 0; i < repetitions; i++) {
        rounds.push({
          raw: await raw.ask<Measured>({ op: "run", load: one, pid: broker.pid }),
          floor: await load.ask<Round>({ op: "run", load: one, pid: hub.pid }),
        });
      }
      console.log(line(name, rounds));
    }
  } finally {
    for (const each of [load, hub, raw, broker]) await each.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return 0;
}

function line(name: string, rounds: readonly { readonly raw: Measured; readonly floor: Round }[]): string {
  const all = (pick: (round: (typeof rounds)[number]) => number, digits = 0) =>
    spread(rounds.map(pick), digits);
  const cpu = (pick: (round: Round) => number) =>
    median(rounds.map(({ floor }) => (pick(floor) / floor.ended) * 1e6)).toFixed(0);
  return [
    `${name.padEnd(6)} ${all(({ floor }) => floor.perSecond)} chains/s`,
    `p50 ${all(({ floor }) => floor.p50Ms, 2)} ms`,
    `of raw: rate ${all(({ floor, raw }) => floor.perSecond / raw.perSecond, 2)}, p50 ${all(({ floor, raw }) => floor.p50Ms / raw.p50Ms, 1)}`,
    `CPU a chain: hub ${cpu(({ cpuSeconds }) => cpuSeconds)} us, agents ${cpu(({ loadCpuSeconds }) => loadCpuSeconds)} us`,
  ].join("; ");
}
