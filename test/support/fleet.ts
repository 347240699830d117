/** Real hubs and agents as processes of their own, on free ports and in temp folders, killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { readApiFile } from "../../hub/http/api-file-fs.ts";
import { isObject } from "../../shared/json.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

const root = resolve(import.meta.dirname, "../..");

/** A port that was free a moment ago: a process that is killed and started again needs the same one. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export interface Daemon {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Everything it wrote, for messages of failing tests. */
  log(): string;
  /** SIGKILL to the process alone, as the kernel's out-of-memory killer does. */
  kill(): Promise<void>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
}

/** Starts `bin/<command>`; what is left of it when the test ends is killed with its whole session. */
export function startDaemon(
  command: "petrel" | "petrel-agent",
  args: readonly string[],
  logFile: string,
  env: Record<string, string> = {},
): Daemon {
  const child = spawn(join(root, "bin", command), args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const stream = createWriteStream(logFile, { flags: "a" });
  child.stdout?.pipe(stream, { end: false });
  child.stderr?.pipe(stream, { end: false });
  const pid = child.pid ?? 0;
  const exited = once(child, "exit");
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
    stream.end();
  });
  return {
    pid,
    child,
    log: () => readFileSync(logFile, "utf8"),
    async kill() {
      process.kill(pid, "SIGKILL");
      await exited;
    },
    async stop() {
      child.kill("SIGTERM");
      await exited;
      return child.exitCode;
    },
  };
}

export interface TestHub {
  readonly data: string;
  readonly mqtt: string;
  readonly url: string;
  /** The process that runs now. */
  daemon(): Daemon;
  start(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<number | null>;
  /** A request to the API; rejects with status and body when it is refused. */
  api<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Every record of a list, in order of intake. */
  all<T>(path: string): Promise<readonly T[]>;
}

export async function createHub(
  options: { readonly broker?: string; readonly args?: readonly string[] } = {},
): Promise<TestHub> {
  const folder = await tempFolder("hub");
  const data = join(folder, "data");
  const http = await freePort();
  const port = await freePort();
  const url = `http://127.0.0.1:${http}`;
  const logFile = join(folder, "log");
  let daemon: Daemon | null = null;
  let key = "";
  const running = (): Daemon => {
    if (daemon === null) throw new Error("the hub has not been started");
    return daemon;
  };
  const ask = async (method: string, path: string, accept: string, body?: unknown): Promise<Response> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        accept,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  return {
    data,
    url,
    mqtt: options.broker ?? `mqtt://127.0.0.1:${port}`,
    daemon: running,
    async start() {
      const broker =
        options.broker === undefined ? ["--mqtt", String(port)] : ["--broker-url", options.broker];
      const args = [
        "hub",
        "--dev",
        "--data",
        data,
        "--http",
        String(http),
        ...broker,
        ...(options.args ?? []),
      ];
      const started = startDaemon("petrel", args, logFile);
      daemon = started;
      await waitUntil(
        "the hub to be ready",
        async () => {
          if (started.child.exitCode !== null) throw new Error(`the hub ended: ${started.log()}`);
          const answer = await fetch(`${url}/healthz`).catch(() => null);
          return answer?.ok === true;
        },
        20_000,
      );
      key = (await readApiFile(data))?.key ?? "";
    },
    kill: () => running().kill(),
    stop: () => running().stop(),
    async api<T>(method: string, path: string, body?: unknown): Promise<T> {
      return (await (await ask(method, path, "application/json", body)).json()) as T;
    },
    async all<T>(path: string): Promise<readonly T[]> {
      const text = await (await ask("GET", path, "application/x-ndjson")).text();
      return text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as T);
    },
  };
}

export interface TestAgent {
  readonly id: string;
  readonly data: string;
  daemon(): Daemon;
  start(env?: Record<string, string>): void;
  kill(): Promise<void>;
  stop(): Promise<number | null>;
}

export async function createAgent(
  hub: Pick<TestHub, "mqtt">,
  id: string,
  labels: readonly string[] = [],
): Promise<TestAgent> {
  const folder = await tempFolder("agent");
  const data = join(folder, "data");
  const logFile = join(folder, "log");
  let daemon: Daemon | null = null;
  const running = (): Daemon => {
    if (daemon === null) throw new Error("the agent has not been started");
    return daemon;
  };
  return {
    id,
    data,
    daemon: running,
    start(env = {}) {
      const flags = labels.flatMap((label) => ["--label", label]);
      daemon = startDaemon(
        "petrel-agent",
        ["run", "--data", data, "--hub", hub.mqtt, "--id", id, ...flags],
        logFile,
        env,
      );
    },
    kill: () => running().kill(),
    stop: () => running().stop(),
  };
}

/** Waits until the agent is online and holds every pack in `packs`. */
export function agentReady(hub: TestHub, id: string, packs: readonly string[] = ["core"]): Promise<unknown> {
  return waitUntil(
    `agent ${id} online with packs ${packs.join(", ")}`,
    async () => {
      const agents = await hub.api<unknown[]>("GET", "/v1/agents");
      const agent = agents.find((candidate) => isObject(candidate) && candidate.id === id);
      if (!isObject(agent) || agent.online !== true || !isObject(agent.packs)) return false;
      const held = agent.packs;
      return packs.every((pack) => Object.hasOwn(held, pack));
    },
    30_000,
  );
}
