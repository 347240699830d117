/** What the binaries cost a host: memory of the agent with sensors that do nothing or watch, starts, and the download. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { readApiFile } from "../hub/http/api-file-fs.ts";
import { cpuSeconds } from "./proc-fs.ts";
import { makeTree } from "./watch/tree.ts";

export const footprintUsage =
  "[--binaries dist/linux-x64] [--sensors 1,5] [--starts 5] [--settle 8] [--no-xz] [--only-watch] [--watch 100000] [--tree FOLDER] [--idle 20]";

const run = promisify(execFile);
const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
const ms = (values: readonly number[]) =>
  `${median(values).toFixed(0)} ms (${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)})`;

export async function footprint(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      binaries: { type: "string", default: `dist/linux-${process.arch}` },
      sensors: { type: "string", default: "1,5" },
      starts: { type: "string", default: "5" },
      settle: { type: "string", default: "8" },
      "no-xz": { type: "boolean", default: false },
      "only-watch": { type: "boolean", default: false },
      watch: { type: "string", default: "0" },
      tree: { type: "string" },
      idle: { type: "string", default: "20" },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), "petrel-footprint-"));
  const binary = (name: string) => resolve(values.binaries, name);
  const bench = new Bench(folder, binary("petrel"), binary("petrel-agent"));
  const tree = values.tree === undefined ? join(folder, "tree") : await mkdtemp(join(values.tree, "tree-"));
  const watched = Number(values.watch) || (values["only-watch"] ? 100_000 : 0);
  try {
    if (values["only-watch"]) {
      await bench.start("hub");
      await watching(bench, tree, watched, Number(values.idle));
      return 0;
    }
    for (const name of ["petrel", "petrel-agent"]) {
      const times: number[] = [];
      for (let n = 0; n < 15; n++) times.push(await timed(() => run(binary(name), ["--version"])));
      console.log(`${name} --version: ${ms(times)}`);
      if (!values["no-xz"]) console.log(`${name}.xz: ${mib(await packedBytes(binary(name)))}`);
    }
    for (const daemon of ["hub", "agent"] as const) {
      const costs: Cost[] = [];
      // The first start unpacks, and makes a database.
      for (let n = 0; n <= Number(values.starts); n++) {
        if (daemon === "agent" && n === 0) await bench.start("hub");
        costs.push(await bench.start(daemon));
        await bench.stop(daemon);
      }
      const later = costs.slice(1);
      console.log(
        `${daemon} until it is ready: ${ms(later.map(({ wall }) => wall))}, CPU ${ms(later.map(({ cpu }) => cpu))}; ` +
          `first start ${costs[0]?.wall.toFixed(0)} ms`,
      );
    }
    for (const sensors of values.sensors.split(",").map(Number)) {
      await bench.register(sensors);
      await bench.start("agent");
      await bench.sensorsRun(sensors);
      await sleep(Number(values.settle) * 1_000);
      console.log(`agent with ${sensors} idle sensor(s):`);
      for (const line of bench.memory()) console.log(`  ${line}`);
      await bench.stop("agent");
    }
    if (watched > 0) await watching(bench, tree, watched, Number(values.idle));
    return 0;
  } finally {
    await bench.end();
    for (const each of [folder, tree]) await rm(each, { recursive: true, force: true });
  }
}

/** After the first look, and after a start that finds all of it recorded: memory, and CPU while nothing changes. */
async function watching(bench: Bench, tree: string, files: number, idleSeconds: number): Promise<void> {
  await bench.watch(tree, files);
  for (const when of ["the first look", "a start with everything recorded"]) {
    await bench.start("agent");
    await bench.watchRuns();
    await bench.rests();
    console.log(`agent that watches ${files} files, after ${when} (load ${loadavg()[0]?.toFixed(1)}):`);
    for (const line of bench.memory()) console.log(`  ${line}`);
    const before = bench.cpu();
    await sleep(idleSeconds * 1_000);
    const spent = bench.cpu().map(({ name, seconds }, n) => {
      const ms = (seconds - (before[n]?.seconds ?? 0)) * 1_000;
      return `${name} ${ms.toFixed(0)} ms`;
    });
    console.log(`  CPU of ${idleSeconds} s in which nothing changes: ${spent.join(", ")}`);
    await bench.stop("agent");
  }
}

interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

interface Listed {
  readonly sensor: string;
  readonly state: string;
  readonly agent_online?: boolean;
}

const isWatch = (sensor: string) => sensor.startsWith("watch.");
/** Behind the first look come what it gives back and what a start takes back after five seconds. */
const quietRounds = 8;
const mostRounds = 90;

class Bench {
  readonly #folder: string;
  readonly #petrel: string;
  readonly #agent: string;
  readonly #running = new Map<"hub" | "agent", ChildProcess>();
  /** Nothing of the caller's: no NODE_OPTIONS, no Petrel of his own. */
  readonly #env: NodeJS.ProcessEnv;

  constructor(folder: string, petrel: string, agent: string) {
    this.#folder = folder;
    this.#petrel = petrel;
    this.#agent = agent;
    this.#env = { PATH: "/usr/bin:/bin", HOME: folder };
  }

  async start(name: "hub" | "agent"): Promise<Cost> {
    const data = join(this.#folder, name);
    const mqtt = (await readApiFile(join(this.#folder, "hub")))?.mqtt ?? "";
    const [command, args, ready] =
      name === "hub"
        ? [this.#petrel, ["hub", "--dev", "--data", data, "--http", "0", "--mqtt", "0"], /hub started/]
        : [this.#agent, ["run", "--dev", "--data", data, "--hub", mqtt, "--id", "bench"], /agent started/];
    const at = performance.now();
    const child = spawn(command, args, { env: this.#env, stdio: ["ignore", "ignore", "pipe"] });
    this.#running.set(name, child);
    const said: string[] = [];
    for await (const line of createInterface(child.stderr as Readable)) {
      said.push(line);
      if (!ready.test(line)) continue;
      const wall = performance.now() - at;
      child.stderr?.resume();
      return { wall, cpu: cpuSeconds(child.pid ?? 0) * 1_000 };
    }
    throw new Error(`${name} ended too early: ${said.join("\n")}`);
  }

  async stop(name: "hub" | "agent"): Promise<void> {
    const child = this.#running.get(name);
    this.#running.delete(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  }

  async end(): Promise<void> {
    for (const name of ["agent", "hub"] as const) await this.stop(name);
  }

  async register(sensors: number): Promise<void> {
    const pack = join(this.#folder, "idle");
    mkdirSync(join(pack, "sensors"), { recursive: true });
    writeFileSync(
      join(pack, "pack.yaml"),
      "ref: idle\nname: idle\ndescription: Does nothing.\nversion: 1.0.0\nauthor: bench\n",
    );
    for (let n = 0; n < sensors; n++) {
      const metadata = `class_name: Idle\nentry_point: idle${n}.ts\ndescription: Does nothing.\npoll_interval: 3600\n`;
      writeFileSync(join(pack, "sensors", `idle${n}.yaml`), metadata.replace("Idle\n", `Idle${n}\n`));
      writeFileSync(
        join(pack, "sensors", `idle${n}.ts`),
        `export class Idle${n} {\n  async poll(): Promise<void> {}\n}\n`,
      );
    }
    await this.#cli("pack", "register", pack);
  }

  async sensorsRun(count: number): Promise<void> {
    for (;;) {
      const list = JSON.parse(await this.#cli("sensor", "list", "--json")) as readonly {
        readonly state: string;
        readonly agent_online?: boolean;
      }[];
      if (
        list.filter(({ state, agent_online }) => state === "running" && agent_online === true).length ===
        count
      )
        return;
      await sleep(200);
    }
  }

  /** Has agents watch a tree of so many files, and no more than that. */
  async watch(tree: string, files: number): Promise<void> {
    makeTree(tree, files);
    await this.#cli("pack", "assign", "idle", "--none").catch(() => "");
    const paths = `paths=${JSON.stringify([{ path: tree }])}`;
    await this.#cli("pack", "assign", "watch", "--all", "--set", paths);
  }

  async watchRuns(): Promise<void> {
    for (;;) {
      const list = JSON.parse(await this.#cli("sensor", "list", "--json")) as readonly Listed[];
      if (
        list.some(({ sensor, state, agent_online }) => isWatch(sensor) && state === "running" && agent_online)
      )
        return;
      await sleep(200);
    }
  }

  /** Until they have taken next to nothing for some seconds: what they look at first is looked at. Not for ever: others work, too. */
  async rests(): Promise<void> {
    const sum = () => this.cpu().reduce((total, { seconds }) => total + seconds, 0);
    for (let round = 0, quiet = 0, before = sum(); quiet < quietRounds && round < mostRounds; round++) {
      await sleep(1_000);
      const now = sum();
      quiet = now - before < 0.015 ? quiet + 1 : 0;
      before = now;
    }
  }

  async #cli(...args: readonly string[]): Promise<string> {
    return (await run(this.#petrel, [...args, "--data", join(this.#folder, "hub")], { env: this.#env }))
      .stdout;
  }

  /** Of the agent and its children, each with all its threads. */
  cpu(): readonly { readonly name: string; readonly seconds: number }[] {
    const [agent = 0, ...children] = this.#processes();
    return [
      { name: "agent", seconds: cpuSeconds(agent) },
      ...children.map((pid) => ({ name: "sensor", seconds: cpuSeconds(pid) })),
    ];
  }

  /** The agent, and its children. */
  #processes(): readonly number[] {
    const agent = this.#running.get("agent")?.pid ?? 0;
    const children = readFileSync(`/proc/${agent}/task/${agent}/children`, "utf8")
      .trim()
      .split(" ")
      .filter(Boolean)
      .map(Number);
    return [agent, ...children];
  }

  /** Proportional and private memory of the agent and its children. */
  memory(): readonly string[] {
    const [agent, ...children] = this.#processes();
    const found = [agent ?? 0, ...children].map((pid) => ({ pid, ...memoryOf(pid) }));
    const sum = found.reduce((total, { pss }) => total + pss, 0);
    return [
      `PSS of all ${found.length} processes ${mib(sum)}`,
      ...found.map(
        ({ pid, pss, own }) => `${pid === agent ? "agent" : "sensor"}: PSS ${mib(pss)}, private ${mib(own)}`,
      ),
    ];
  }
}

/** Bytes. */
function memoryOf(pid: number): { readonly pss: number; readonly own: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const of = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0) * 1024;
  return { pss: of("Pss"), own: of("Private_Clean") + of("Private_Dirty") };
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const at = performance.now();
  await act();
  return performance.now() - at;
}

/** Of what is downloaded, as `xz -6` packs it. */
async function packedBytes(path: string): Promise<number> {
  const child = spawn("xz", ["-6", "--threads=0", "--stdout", path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(child, "close");
  return bytes;
}
