/** `bench actions`: each runner on a real agent and hub, beside a bare loop that spawns the same program. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { actionPack, type BenchAction, benchActions } from "./action-pack.ts";
import { startAgentProcess } from "./agent-process.ts";
import { type LoadProcess, startLoadProcess } from "./child-process.ts";
import { type BenchHub, startHub } from "./hub-process.ts";
import { type Load, type Measured, median, spread } from "./pace.ts";
import { cpuSeconds } from "./proc-fs.ts";

export const actionsUsage =
  "[--only RUNNER,…] [--in-flight 32] [--repetitions 3] [--seconds 3] [--profile DIR]";

const host = "bench";
/** Below it the work is not done (shell runners). */
const bar = 0.7;

interface Round extends Measured {
  readonly agentCpu: number;
  readonly hubCpu: number;
}

interface BareRound extends Measured {
  readonly cpu: number;
}

interface Rounds {
  readonly own: readonly Round[];
  /** Empty where there is no process to be started. */
  readonly bare: readonly BareRound[];
}

/** Resolves to the exit code. */
export async function actions(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      "in-flight": { type: "string", default: "32" },
      repetitions: { type: "string", default: "3" },
      seconds: { type: "string", default: "3" },
      profile: { type: "string" },
    },
  });
  const names = values.only?.split(",") ?? Object.keys(benchActions);
  const unknown = names.filter((name) => !Object.hasOwn(benchActions, name));
  if (unknown.length > 0) throw new Error(`no such runner: ${unknown.join(", ")}`);
  const inFlight = Number(values["in-flight"]);
  const load: Load = { inFlight, warmupMs: 1_000, measureMs: Number(values.seconds) * 1_000 };
  const execArgv = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];
  const folder = await mkdtemp(join(tmpdir(), "petrel-bench-"));
  const stops: (() => Promise<void>)[] = [];
  const kept = <T extends { stop(): Promise<void> }>(part: T): T => {
    stops.unshift(() => part.stop());
    return part;
  };
  try {
    const hub = kept(await startHub({ folder, brokerUrl: null, env: {}, execArgv }));
    const agent = kept(
      startAgentProcess({ folder, hub: hub.mqtt, id: host, concurrency: inFlight, execArgv }),
    );
    await hub.ask("/v1/packs", { files: actionPack() });
    await agentHolds(hub, "work");
    const own = kept(startLoadProcess("actions-main.ts"));
    const bare = kept(startLoadProcess("spawn-main.ts"));
    await own.ask({ op: "start", url: hub.url, key: hub.key });
    console.log(`\n${inFlight} in flight, ${values.repetitions} x ${values.seconds} s`);
    console.log(header);
    for (const name of names) {
      const action = benchActions[name];
      if (action === undefined) continue;
      const program = await bareProgram(name, action, folder);
      const rounds: { own: Round[]; bare: BareRound[] } = { own: [], bare: [] };
      for (let i = 0; i < Number(values.repetitions); i++) {
        if (program !== null) {
          const before = cpuSeconds(bare.pid);
          const round = await bare.ask<Measured>({ ...program, load });
          rounds.bare.push({ ...round, cpu: cpuSeconds(bare.pid) - before });
        }
        rounds.own.push(await measured(own, name, load, { agent: agent.pid, hub: hub.pid }));
      }
      console.log(row(name, rounds));
    }
    return 0;
  } finally {
    for (const stop of stops) await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measured(
  own: LoadProcess,
  name: string,
  load: Load,
  pids: { readonly agent: number; readonly hub: number },
): Promise<Round> {
  const before = [cpuSeconds(pids.agent), cpuSeconds(pids.hub)] as const;
  const round = await own.ask<Measured>({ op: "run", action: `work.${name}`, host, load });
  return {
    ...round,
    agentCpu: cpuSeconds(pids.agent) - before[0],
    hubCpu: cpuSeconds(pids.hub) - before[1],
  };
}

/** The pack is on its way to the agent, and unpacked there. */
async function agentHolds(hub: BenchHub, pack: string): Promise<void> {
  for (let i = 0; i < 300; i++) {
    const lines = (await (await hub.ask("/v1/agents")).text()).split("\n").filter(Boolean);
    const agents = lines.map((text) => JSON.parse(text) as { readonly id: string; readonly packs: object });
    if (agents.some(({ id, packs }) => id === host && Object.hasOwn(packs, pack))) return;
    await sleep(100);
  }
  throw new Error(`the agent has not got the pack ${pack} within 30 s`);
}

/** What the bare loop starts; `null` for a runner without a process. */
async function bareProgram(name: string, { bare }: BenchAction, folder: string) {
  if (bare === undefined) return null;
  const script = join(folder, `bare-${name}${name === "node-script" ? ".mjs" : ""}`);
  if (bare.text !== undefined) await writeFile(script, bare.text);
  return { command: bare.command, args: bare.args.map((arg) => (arg === "{}" ? script : arg)) };
}

const columns = [19, 18, 17, 20, 17, 24, 18] as const;
const line = (cells: readonly string[]) => cells.map((cell, i) => cell.padEnd(columns[i] ?? 0)).join(" ");
const header = line([
  "runner",
  "actions/s",
  "p50 / p99 ms",
  "bare/s",
  "bare p50 / p99 ms",
  "of bare (rate)",
  "us CPU: agent, hub, bare",
]);

/** Milliseconds. */
function latency(of: readonly Measured[]): string {
  return `${median(of.map(({ p50Ms }) => p50Ms)).toFixed(1)} / ${median(of.map(({ p99Ms }) => p99Ms)).toFixed(0)}`;
}

function row(name: string, { own, bare }: Rounds): string {
  const cpu = (pick: (round: Round) => number) =>
    median(own.map((round) => (pick(round) / round.begun) * 1e6)).toFixed(0);
  const bareCpu =
    bare.length === 0 ? [] : [median(bare.map((each) => (each.cpu / each.begun) * 1e6)).toFixed(0)];
  const ratios = own.flatMap(({ perSecond }, i) => {
    const beside = bare[i];
    return beside === undefined ? [] : [perSecond / beside.perSecond];
  });
  const isBarred = name.startsWith("local-shell");
  const verdict = !isBarred ? "" : median(ratios) >= bar ? ", bar met" : `, below ${bar}`;
  return line([
    name,
    spread(own.map(({ perSecond }) => perSecond)),
    latency(own),
    bare.length === 0 ? "no process" : spread(bare.map(({ perSecond }) => perSecond)),
    bare.length === 0 ? "" : latency(bare),
    ratios.length === 0 ? "" : `${spread(ratios, 2)}${verdict}`,
    [cpu(({ agentCpu }) => agentCpu), cpu(({ hubCpu }) => hubCpu), ...bareCpu].join(", "),
  ]);
}
