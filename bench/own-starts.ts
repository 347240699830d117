/** What a start of Petrel's own processes costs: CPU and wall time until each can do its work. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { readApiFile } from "../hub/http/api-file-fs.ts";
import { cpuSeconds } from "./proc-fs.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Milliseconds of the process until it was ready: CPU of all its threads, and wall time. */
interface Cost {
  readonly cpu: number;
  readonly wall: number;
}

export interface OwnStartsOptions {
  /** Of each kind; the first, which fills Node's cache of what it compiled, is not counted. */
  readonly count: number;
  /** Whether Node may take what it has compiled before from a cache, as `bin/*` let it. */
  readonly cached: boolean;
}

/** One line for each kind: the median. */
export async function ownStarts({ count, cached }: OwnStartsOptions): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-starts-"));
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  if (cached) env.NODE_COMPILE_CACHE = join(folder, "cache");
  const costs = new Map<string, Cost[]>();
  const add = (name: string, cost: Cost, turn: number) => {
    if (turn > 0) costs.set(name, [...(costs.get(name) ?? []), cost]);
  };
  try {
    for (let turn = 0; turn <= count; turn++) {
      const here = join(folder, String(turn));
      add("import of hub/main.ts", await importing("hub/main.ts", env), turn);
      add("import of agent/main.ts", await importing("agent/main.ts", env), turn);
      const data = join(here, "hub");
      const hub = start(
        ["hub/cli/petrel-cli.ts", "hub", "--dev", "--data", data, "--http", "0", "--mqtt", "0"],
        env,
      );
      add("hub until it is ready", await readyAt(hub, hub.child.stdout as Readable, /^ready /), turn);
      const mqtt = (await readApiFile(data))?.mqtt ?? "";
      const agent = start(
        [
          "agent/agent-cli.ts",
          ...["run", "--dev", "--data", join(here, "agent"), "--hub", mqtt, "--id", "a"],
        ],
        env,
      );
      add("agent until its link is up", await readyAt(agent, agent.child.stderr as Readable, /link/), turn);
      add(
        "petrel rule list",
        await ended(["hub/cli/petrel-cli.ts", "rule", "list", "--data", data], env),
        turn,
      );
      add("petrel --version", await ended(["hub/cli/petrel-cli.ts", "--version"], env), turn);
      await stop(agent.child);
      await stop(hub.child);
      add("Node sensor until it is ready", await sensor(folder, env), turn);
    }
    return [...costs].map(([name, all]) => {
      const [cpu, wall] = (["cpu", "wall"] as const).map((field) => median(all.map((cost) => cost[field])));
      return `${name}: ${cpu?.toFixed(0)} ms of CPU, ${wall?.toFixed(0)} ms`;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly at: number;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv, channel = false): Started {
  const at = performance.now();
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe", ...(channel ? ["pipe" as const] : [])],
  });
  child.stdout?.resume();
  child.stderr?.resume();
  return { child, at };
}

/** What it took until `from` has a line like that. */
async function readyAt({ child, at }: Started, from: Readable, line: RegExp): Promise<Cost> {
  const said: string[] = [];
  for await (const text of createInterface(from)) {
    said.push(text);
    if (!line.test(text)) continue;
    from.resume();
    return { cpu: cpuSeconds(child.pid ?? 0) * 1000, wall: performance.now() - at };
  }
  throw new Error(`it ended too early: ${said.join("\n")}`);
}

/** What it took to its end: the process tells its CPU time itself, with its last breath. */
async function ended(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Cost> {
  const tell = `import { writeSync } from "node:fs";
    process.on("exit", () => writeSync(3, JSON.stringify(process.cpuUsage())));`;
  const { child, at } = start(
    ["--import", `data:text/javascript,${encodeURIComponent(tell)}`, ...args],
    env,
    true,
  );
  let told = "";
  (child.stdio[3] as Readable).on("data", (bytes: Buffer) => {
    told += bytes.toString();
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}`);
  const { user, system } = JSON.parse(told) as NodeJS.CpuUsage;
  return { cpu: (user + system) / 1000, wall: performance.now() - at };
}

const importing = (path: string, env: NodeJS.ProcessEnv) =>
  ended(["-e", `await import(${JSON.stringify(join(root, path))}); process.exit()`], env);

async function sensor(folder: string, env: NodeJS.ProcessEnv): Promise<Cost> {
  const entry = join(folder, "sensor.ts");
  await writeFile(entry, "export class Bench {\n  async poll(): Promise<void> {}\n}\n");
  const started = start(["agent/sensors/node-sensor-main.ts"], env, true);
  const channel = started.child.stdio[3] as Readable & NodeJS.WritableStream;
  const message = {
    ...{ op: "start", sensor: "bench.Bench", pack: "bench", class_name: "Bench", entry_point: entry },
    ...{ pack_folder: folder, config: {}, parameters: {}, poll_interval: 60, triggers: [], window: 1_024 },
  };
  channel.write(`${JSON.stringify(message)}\n`);
  const cost = await readyAt(started, channel, /"ready"/);
  await stop(started.child);
  return cost;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
