/** How soon the hub has a change of a path with priority while a storm is told beside it, through a real agent and hub. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readApiFile } from "../../hub/http/api-file-fs.ts";
import { startHub } from "../hub-process.ts";
import { sleep, type WatchBench } from "./measure.ts";

const unpacked = 50_000;
const everyMs = 500;
/** The whole storm has to be in the hub's history within this. */
const patienceMs = 600_000;
const cli = fileURLToPath(new URL("../../agent/agent-cli.ts", import.meta.url));

interface Instance {
  readonly received_at: string;
  readonly payload: { readonly path: string; readonly status: string };
}

export async function priority({ folder }: WatchBench): Promise<void> {
  const [storm, watched] = [join(folder, "storm"), join(folder, "priority")];
  for (const each of [storm, watched]) mkdirSync(each);
  const hub = await startHub({ folder, brokerUrl: null, env: {}, execArgv: [] });
  const file = await readApiFile(join(folder, "hub"));
  if (file === null) throw new Error("the hub wrote no api.json");
  const headers = { authorization: `Bearer ${file.key}`, "content-type": "application/json" };
  const api = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const response = await fetch(`${file.url}${path}`, { ...init, headers });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  const agent = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", cli, "run"].concat(
      ["--data", join(folder, "agent")],
      ["--hub", hub.mqtt, "--id", "web-1"],
    ),
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  agent.stderr.pipe(createWriteStream(join(folder, "agent.log")));
  /** All of them, oldest first. */
  const changes = async (path: string): Promise<readonly Instance[]> => {
    const response = await fetch(`${file.url}/v1/file-changes?path=${encodeURIComponent(path)}`, {
      headers: { ...headers, accept: "application/x-ndjson" },
    });
    const lines = (await response.text()).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as Instance);
  };
  try {
    await api("/v1/packs/watch/assignment", {
      method: "PUT",
      body: JSON.stringify({
        to: "all",
        config: { paths: [{ path: storm }, { path: watched, priority: true }] },
      }),
    });
    for (;;) {
      const { items } = await api<{ items: readonly { sensor: string; state: string }[] }>("/v1/sensors");
      if (items.some(({ sensor, state }) => sensor === "watch.FileWatch" && state === "running")) break;
      await sleep(200);
    }
    const script = `fs.mkdirSync("t"); for (let n = 0; n < ${unpacked}; n++) fs.writeFileSync("t/f" + n, "file " + n)`;
    const unpacking = spawn(process.execPath, ["-e", script], { cwd: storm, stdio: "inherit" });
    const over = once(unpacking, "exit");
    const written = new Map<string, number>();
    const began = performance.now();
    for (let n = 0; performance.now() - began < patienceMs; n++) {
      const path = join(watched, `p${n}`);
      written.set(path, Date.now());
      writeFileSync(path, "x");
      await sleep(everyMs);
      if (n % 10 !== 9) continue;
      const newest = await api<{ items: readonly unknown[] }>(
        `/v1/file-changes?path=${encodeURIComponent(`${storm}/t/f${unpacked - 1}`)}&limit=1`,
      );
      if (newest.items.length > 0) break;
    }
    await over;
    const stormMs = performance.now() - began;
    await sleep(3_000);
    const late: number[] = [];
    for (const { payload, received_at } of await changes(`${watched}/**`)) {
      const at = written.get(payload.path);
      if (at !== undefined && payload.status === "created") late.push(Date.parse(received_at) - at);
    }
    late.sort((a, b) => a - b);
    const at = (share: number) =>
      late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? Number.NaN;
    const stormTold = (await changes(`${storm}/t/*`)).length;
    console.log(`\n${unpacked} files unpacked beside a path with priority, ${written.size} writes to that`);
    console.log(
      `priority: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms from the write to the hub (bar: p99 1000 ms); ${written.size - late.length} of ${written.size} missing`,
    );
    console.log(
      `storm: ${stormTold} of ${unpacked} in the hub's history, the last after ${(stormMs / 1000).toFixed(1)} s`,
    );
  } finally {
    agent.kill("SIGTERM");
    await once(agent, "exit").catch(() => {});
    await hub.stop();
    for (const each of [storm, watched, join(folder, "hub"), join(folder, "agent")])
      rmSync(each, { recursive: true, force: true });
  }
}
