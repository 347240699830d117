/** `bench chain --auth`: the load with enrolled agents and the signed link, in turn with the same load in dev mode. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { type LoadProcess, startLoadProcess } from "./child-process.ts";
import { type BenchHub, startHub } from "./hub-process.ts";
import { startMosquitto } from "./mosquitto-process.ts";
import { type Load, type Measured, median, spread } from "./pace.ts";

export interface AuthCostOptions {
  readonly loads: readonly (Pick<Load, "inFlight" | "perSecond"> & { readonly name: string })[];
  /** Behind a mosquitto without TLS: what is measured is authentication alone. */
  readonly external: boolean;
  readonly agents: number;
  readonly repetitions: number;
  readonly measureMs: number;
  /** Folder for CPU profiles, in `dev` and `auth`. */
  readonly profile?: string;
}

interface Round extends Measured {
  readonly cpuSeconds: number;
  readonly loadCpuSeconds: number;
}

type Name = "dev" | "auth";

interface Part {
  readonly name: Name;
  readonly hub: BenchHub;
  readonly load: LoadProcess;
  /** Begun so far. */
  chains: number;
}

/** Prints a row for each load; throws when a chain left not all of its records. */
export async function authCost(options: AuthCostOptions): Promise<void> {
  const { loads, external, agents, repetitions, measureMs } = options;
  const folder = await mkdtemp(join(tmpdir(), "petrel-bench-"));
  const stops: (() => Promise<void>)[] = [];
  const kept = <T extends { stop(): Promise<void> }>(part: T): T => {
    stops.unshift(() => part.stop());
    return part;
  };
  const start = async (name: Name): Promise<Part> => {
    const own = join(folder, name);
    await mkdir(own);
    const execArgv =
      options.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(options.profile, name)}`];
    const broker = external ? kept(await startMosquitto(own)) : null;
    const brokerUrl = broker === null ? null : `mqtt://127.0.0.1:${broker.port}`;
    const enrolled = name === "auth";
    const hub = kept(await startHub({ folder: own, brokerUrl, env: {}, execArgv, enrolled }));
    const load = kept(startLoadProcess("agents-main.ts", { execArgv }));
    const enrolment = enrolled ? await enrolmentAt(hub, agents, broker?.port ?? null) : undefined;
    await load.ask({ op: "start", hub: hub.mqtt, folder: join(own, "agents"), agents, enrolment });
    return { name, hub, load, chains: 0 };
  };
  const run = async (part: Part, load: Load): Promise<Round> => {
    const round = await part.load.ask<Round>({ op: "run", load, pid: part.hub.pid });
    part.chains += round.begun;
    return round;
  };
  try {
    const dev = await start("dev");
    const auth = await start("auth");
    const warm: Load = { inFlight: 200, warmupMs: 0, measureMs: Math.min(3_000, measureMs) };
    for (const part of [dev, auth]) await run(part, warm);
    const what = external ? "authentication alone, through mosquitto" : "TLS and authentication";
    console.log(
      `\n${agents} agents, 1,000 rules, ${repetitions} x ${measureMs / 1000} s; ${what}; load ${loadNow()}`,
    );
    console.log(line(titles));
    for (const { name, ...pace } of loads) {
      const rounds: Record<Name, Round>[] = [];
      for (let i = 0; i < repetitions; i++) {
        // Each goes first as often as the other.
        const order = i % 2 === 0 ? [dev, auth] : [auth, dev];
        const round: Partial<Record<Name, Round>> = {};
        for (const part of order) round[part.name] = await run(part, { ...pace, warmupMs: 500, measureMs });
        rounds.push(round as Record<Name, Round>);
      }
      console.log(row(name, rounds));
    }
    console.log(`load ${loadNow()}`);
    for (const { hub, chains } of [dev, auth]) await hub.verify(chains);
    console.log(
      `All ${dev.chains + auth.chains} chains have their instance, enforcement and succeeded execution.`,
    );
  } finally {
    for (const stop of stops) await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Behind a broker of others, hosts enrol at the port after it. */
async function enrolmentAt(hub: BenchHub, uses: number, brokerPort: number | null) {
  const { token } = (await (await hub.ask("/v1/agent-tokens", { uses, ttl: 3_600 })).json()) as {
    token: string;
  };
  return { token, at: brokerPort === null ? hub.mqtt : `mqtts://127.0.0.1:${brokerPort + 1}` };
}

const loadNow = () => loadavg()[0]?.toFixed(1) ?? "?";
const titles = [
  "load",
  "dev chains/s",
  "auth chains/s",
  "auth of dev",
  "p50 ms",
  "us CPU of the hub",
  "of the agents",
];
const columns = [7, 18, 18, 18, 14, 19, 14];
const line = (cells: readonly string[]) => cells.map((cell, i) => cell.padEnd(columns[i] ?? 0)).join(" ");

function row(name: string, rounds: readonly Record<Name, Round>[]): string {
  const of = (which: Name, pick: (round: Round) => number) => rounds.map((round) => pick(round[which]));
  const both = (digits: number, pick: (round: Round) => number) =>
    (["dev", "auth"] as const).map((which) => median(of(which, pick)).toFixed(digits)).join(" / ");
  return line([
    name,
    spread(of("dev", ({ perSecond }) => perSecond)),
    spread(of("auth", ({ perSecond }) => perSecond)),
    spread(
      rounds.map(({ dev, auth }) => auth.perSecond / dev.perSecond),
      2,
    ),
    both(2, ({ p50Ms }) => p50Ms),
    both(0, ({ cpuSeconds, ended }) => (cpuSeconds / ended) * 1e6),
    both(0, ({ loadCpuSeconds, ended }) => (loadCpuSeconds / ended) * 1e6),
  ]);
}
