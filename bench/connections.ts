/** `bench connections`: what an agent that is connected and does nothing costs the hub, beside mosquitto. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { agentTopic } from "../shared/wire/topics.ts";
import { startLoadProcess } from "./child-process.ts";
import { startHub } from "./hub-process.ts";
import { startMosquitto } from "./mosquitto-process.ts";
import { cpuSeconds, residentBytes } from "./proc-fs.ts";

export const connectionsUsage = "[--connections 10000] [--seconds 60]";

/** A load process has half as many descriptors as the hub. */
const perProcess = 5_000;

interface Broker {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly filter: string;
  stop(): Promise<void>;
}

/** Resolves to the exit code. */
export async function connections(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      connections: { type: "string", default: "10000" },
      seconds: { type: "string", default: "60" },
    },
  });
  const load = { count: Number(values.connections), seconds: Number(values.seconds) };
  const folder = await mkdtemp(join(tmpdir(), "petrel-bench-"));
  try {
    const mosquitto = await startMosquitto(folder);
    await measure({ name: "mosquitto", filter: "idle/{id}", ...mosquitto }, load);
    const hub = await startHub({ folder, brokerUrl: null, env: {}, execArgv: [] });
    const port = Number(new URL(hub.mqtt).port);
    await measure({ name: "hub", filter: agentTopic("petrel", "{id}", "down"), ...hub, port }, load);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return 0;
}

interface Load {
  readonly count: number;
  readonly seconds: number;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const kib = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;

async function measure(broker: Broker, { count, seconds }: Load): Promise<void> {
  const clients = Array.from({ length: Math.ceil(count / perProcess) }, () =>
    startLoadProcess("./connections-main.ts"),
  );
  try {
    await sleep(2_000);
    const before = residentBytes(broker.pid);
    const began = performance.now();
    for (const [i, client] of clients.entries()) {
      const from = i * perProcess;
      const some = Math.min(perProcess, count - from);
      await client.ask({ op: "open", port: broker.port, from, count: some, filter: broker.filter });
    }
    const connectedMs = performance.now() - began;
    await sleep(3_000);
    const cpu = cpuSeconds(broker.pid);
    await sleep(seconds * 1_000);
    const idle = ((cpuSeconds(broker.pid) - cpu) / seconds) * 100;
    const after = residentBytes(broker.pid);
    let alive = 0;
    for (const client of clients) alive += await client.ask<number>({ op: "alive" });
    console.log(
      `${broker.name}: ${alive} of ${count} connections live, connected in ${(connectedMs / 1000).toFixed(1)} s, ` +
        `${kib((after - before) / count)} each (RSS ${kib(before)} -> ${kib(after)}), ` +
        `idle ${idle.toFixed(1)} % of a core, pings included`,
    );
  } finally {
    for (const client of clients) await client.stop();
    await broker.stop();
  }
}
