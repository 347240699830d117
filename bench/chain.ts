/** `bench chain`: trigger → rule → no-op action → result, durable at each hop, beside a raw MQTT round trip. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { authCost } from "./chain-auth.ts";
import { startLoadProcess } from "./child-process.ts";
import { startHub } from "./hub-process.ts";
import { startMosquitto } from "./mosquitto-process.ts";
import { type Load, type Measured, median, spread } from "./pace.ts";
import { residentBytes } from "./proc-fs.ts";
import { slowFsync } from "./slow-fsync-process.ts";

export const chainUsage =
  "[--full] [--only NAME,…] [--agents 50] [--repetitions 3] [--seconds 3] [--external] [--slow-fsync] [--lean-raw] [--auth] [--profile DIR]";

interface Round extends Measured {
  /** Of the hub, or of the raw round trip's broker, in the measured time. */
  readonly cpuSeconds: number;
  readonly loadCpuSeconds?: number;
  /** Of all agents together: MQTT publishes both ways, and synced batches. */
  readonly messages?: number;
  readonly batches?: number;
}

type Pace = Pick<Load, "inFlight" | "perSecond">;
const paces: Readonly<Record<string, Pace>> = {
  "1": { inFlight: 1 },
  "50": { inFlight: 50 },
  "200": { inFlight: 200 },
  "1000": { inFlight: 1_000 },
  "500/s": { perSecond: 500 },
  "2000/s": { perSecond: 2_000 },
};
const shortRun = ["200", "500/s"];

/** What is different from the plain case. */
interface Variant {
  readonly name: string;
  readonly external: boolean;
  readonly slow: boolean;
}

/** Resolves to the exit code. */
export async function chain(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: "boolean", default: false },
      only: { type: "string" },
      agents: { type: "string", default: "50" },
      repetitions: { type: "string", default: "3" },
      seconds: { type: "string", default: "3" },
      external: { type: "boolean", default: false },
      "slow-fsync": { type: "boolean", default: false },
      "lean-raw": { type: "boolean", default: false },
      auth: { type: "boolean", default: false },
      profile: { type: "string" },
    },
  });
  const names = values.only?.split(",") ?? (values.full ? Object.keys(paces) : shortRun);
  const unknown = names.filter((name) => !Object.hasOwn(paces, name));
  if (unknown.length > 0) throw new Error(`no such load: ${unknown.join(", ")}`);
  const { profile } = values;
  if (values.auth) {
    await authCost({
      loads: names.map((name) => ({ name, ...paces[name] })),
      external: values.external,
      agents: Number(values.agents),
      repetitions: Number(values.repetitions),
      measureMs: Number(values.seconds) * 1_000,
      ...(profile !== undefined && { profile }),
    });
    return 0;
  }
  const chosen: Variant = {
    name: [values.external ? "external broker" : "", values["slow-fsync"] ? "+2 ms a sync" : ""]
      .filter(Boolean)
      .join(", "),
    external: values.external,
    slow: values["slow-fsync"],
  };
  const variants = values.full
    ? [
        { name: "", external: false, slow: false },
        { name: "+2 ms a sync", external: false, slow: true },
        { name: "external broker", external: true, slow: false },
      ]
    : [chosen];
  const measureMs = Number(values.seconds) * 1_000;
  for (const variant of variants) {
    await measure(variant, names, {
      agents: Number(values.agents),
      repetitions: Number(values.repetitions),
      measureMs,
      lean: values["lean-raw"],
      execArgv: profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`],
    });
  }
  return 0;
}

interface Settings {
  readonly agents: number;
  readonly repetitions: number;
  readonly measureMs: number;
  readonly lean: boolean;
  readonly execArgv: readonly string[];
}

async function measure(variant: Variant, names: readonly string[], settings: Settings): Promise<void> {
  const { agents, repetitions, measureMs, lean, execArgv } = settings;
  const folder = await mkdtemp(join(tmpdir(), "petrel-bench-"));
  const stops: (() => Promise<void>)[] = [];
  const kept = <T extends { stop(): Promise<void> }>(part: T): T => {
    stops.unshift(() => part.stop());
    return part;
  };
  try {
    const env = variant.slow ? await slowFsync(folder, 2) : {};
    const broker = kept(await startMosquitto(folder));
    const brokerUrl = variant.external ? `mqtt://127.0.0.1:${kept(await startMosquitto(folder)).port}` : null;
    const hub = kept(await startHub({ folder, brokerUrl, env, execArgv }));
    const raw = kept(startLoadProcess("raw-main.ts"));
    const load = kept(startLoadProcess("agents-main.ts", { env, execArgv }));
    await raw.ask({ op: "start", port: broker.port, clients: agents, lean });
    await load.ask({ op: "start", hub: hub.mqtt, folder: join(folder, "agents"), agents });

    // Both sides run at full speed once before anything is measured: code is compiled by then.
    const warm: Load = { inFlight: 200, warmupMs: 0, measureMs: Math.min(3_000, measureMs) };
    const warmed = await load.ask<Round>({ op: "run", load: warm, pid: hub.pid });
    await raw.ask({ op: "run", load: warm, pid: broker.pid });
    let chains = warmed.begun;
    const title = variant.name === "" ? "" : `, ${variant.name}`;
    const sync = (await syncedAppendMs(folder)).toFixed(2);
    console.log(
      `\n${agents} agents, 1,000 rules, ${repetitions} x ${measureMs / 1000} s${title}; one sync ${sync} ms`,
    );
    console.log(header);
    for (const name of names) {
      const one: Load = { ...paces[name], warmupMs: 500, measureMs };
      const rounds: { readonly raw: Round; readonly chain: Round }[] = [];
      for (let i = 0; i < repetitions; i++) {
        const rawRound = await raw.ask<Round>({ op: "run", load: one, pid: broker.pid });
        const chainRound = await load.ask<Round>({ op: "run", load: one, pid: hub.pid });
        chains += chainRound.begun;
        rounds.push({ raw: rawRound, chain: chainRound });
      }
      console.log(row(name, rounds));
    }
    const rss = { hub: mib(hub.pid), load: mib(load.pid) };
    const from = performance.now();
    await hub.verify(chains);
    const seconds = ((performance.now() - from) / 1000).toFixed(1);
    console.log(
      `RSS: hub ${rss.hub}, ${agents} agents ${rss.load}. All ${chains} chains have their instance, enforcement, and`,
      `succeeded execution with log and result (read through the API in ${seconds} s).`,
    );
  } finally {
    for (const stop of stops) await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Median time of a small append and its sync, as the log of a database makes them; without the slower syncs. */
async function syncedAppendMs(folder: string): Promise<number> {
  const file = await open(join(folder, "sync"), "a");
  try {
    const times: number[] = [];
    for (let i = 0; i < 100; i++) {
      const from = performance.now();
      await file.write(Buffer.alloc(700, i));
      await file.datasync();
      times.push(performance.now() - from);
    }
    return median(times);
  } finally {
    await file.close();
  }
}

const columns = [7, 18, 15, 21, 16, 17, 17, 10, 9] as const;
const line = (cells: readonly string[]) => cells.map((cell, i) => cell.padEnd(columns[i] ?? 0)).join(" ");
const header = line([
  "load",
  "chains/s",
  "p50 / p99 ms",
  "raw/s",
  "raw p50 / p99 ms",
  "of raw (rate)",
  "of raw (p50)",
  "us CPU",
  "messages, agents' batches",
]);

function row(name: string, rounds: readonly { readonly raw: Round; readonly chain: Round }[]): string {
  const chains = rounds.map(({ chain }) => chain);
  const raws = rounds.map(({ raw }) => raw);
  const mid = (of: readonly Round[], pick: (round: Round) => number) => median(of.map(pick));
  const cpu = (pick: (round: Round) => number) =>
    (median(chains.map((round) => (pick(round) / round.ended) * 1e6)) || 0).toFixed(0);
  const each = (pick: (round: Round) => number) =>
    median(chains.map((round) => pick(round) / round.ended)).toFixed(1);
  const latency = (of: readonly Round[]) =>
    `${mid(of, ({ p50Ms }) => p50Ms).toFixed(2)} / ${mid(of, ({ p99Ms }) => p99Ms).toFixed(1)}`;
  return line([
    name,
    spread(chains.map(({ perSecond }) => perSecond)),
    latency(chains),
    spread(raws.map(({ perSecond }) => perSecond)),
    latency(raws),
    spread(
      rounds.map(({ raw, chain }) => chain.perSecond / raw.perSecond),
      2,
    ),
    spread(
      rounds.map(({ raw, chain }) => chain.p50Ms / raw.p50Ms),
      1,
    ),
    `${cpu(({ cpuSeconds }) => cpuSeconds)}, ${cpu(({ loadCpuSeconds }) => loadCpuSeconds ?? 0)}`,
    `${each(({ messages }) => messages ?? 0)}, ${each(({ batches }) => batches ?? 0)}`,
  ]);
}

const mib = (pid: number) => `${(residentBytes(pid) / 1024 / 1024).toFixed(0)} MiB`;
