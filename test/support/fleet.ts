/** Real hubs and agents as processes of their own, on free ports and in temp folders, killed and started again. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readApiFile } from "../../hub/http/api-file-fs.ts";
import { isObject } from "../../shared/json.ts";
import { atEnd } from "./at-end.ts";
import { checkoutOf, commandPath } from "./command-path.ts";
import { processesAtHome } from "./home-processes.ts";
import { inNetwork } from "./network-namespace.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

/** Below those that the kernel gives to connections by itself (ip(7), ip_local_port_range). */
const ports = { from: 10_000, to: 32_000 };

/**
 * A port that was free a moment ago: a process that is killed and started again needs the same one. One that the kernel
 * chose would go to somebody's connection meanwhile, now and then.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = ports.from + Math.floor(Math.random() * (ports.to - ports.from));
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

export interface Daemon {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Its HOME, which it shares with its children and with no other daemon. */
  readonly home: string;
  /** Everything it wrote, for messages of failing tests. */
  log(): string;
  /** SIGKILL to the process alone, as the kernel's out-of-memory killer does. */
  kill(): Promise<void>;
  /** Asks it to end, by default with SIGTERM; its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves when it has ended, whoever ended it. */
  ended(): Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** Lines of a daemon's log that are shown when its test fails. */
const shownLines = 60;

/** ms for what has ended to be read. */
const lastWordsMs = 2_000;

/** Starts `bin/<command>`; what is left of it and of its children when the test ends is killed. */
export function startDaemon(
  command: "petrel" | "petrel-agent",
  args: readonly string[],
  logFile: string,
  env: Record<string, string> = {},
): Daemon {
  const home = dirname(logFile);
  const program = inNetwork(commandPath(command, env[checkoutOf]), args, env);
  const child = spawn(program.file, program.args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, HOME: home, ...env },
  });
  const stream = createWriteStream(logFile, { flags: "a" });
  child.stdout?.pipe(stream, { end: false });
  child.stderr?.pipe(stream, { end: false });
  const pid = child.pid ?? 0;
  const exited = once(child, "exit");
  const closed = once(child, "close");
  /** All that it has said is in the file; what it left behind may hold its pipes for longer. */
  const said = async () => {
    await Promise.race([closed, sleep(lastWordsMs, null, { ref: false })]);
    await new Promise<void>((resolve) => stream.write("", () => resolve()));
  };
  const log = () => readFileSync(logFile, "utf8");
  atEnd(async ({ failed }) => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
    for (const { pid: left } of processesAtHome(home)) killIfThere(left);
    // What is being killed may still have something to say.
    child.stdout?.unpipe(stream);
    child.stderr?.unpipe(stream);
    stream.end();
    if (failed) console.error(`${command}, ${home}:\n${log().split("\n").slice(-shownLines).join("\n")}`);
  });
  return {
    pid,
    child,
    home,
    log,
    async kill() {
      process.kill(pid, "SIGKILL");
      await exited;
    },
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
    async ended() {
      await exited;
      await said();
      return { code: child.exitCode, signal: child.signalCode };
    },
  };
}

function hasEnded({ child }: Daemon): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export interface TestHub {
  readonly data: string;
  readonly mqtt: string;
  readonly url: string;
  /** The process that runs now. */
  daemon(): Daemon;
  start(env?: Record<string, string>): Promise<void>;
  kill(): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** A request to the API; rejects with status and body when it is refused. */
  api<T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<T>;
  /** Every record of a list, in order of intake. */
  all<T>(path: string): Promise<readonly T[]>;
}

export async function createHub(
  options: {
    readonly broker?: string;
    readonly args?: readonly string[];
    /** False: agents have to enrol. */
    readonly dev?: boolean;
    /** Where agents reach it, when that is not this machine's loopback: the host that they write. It listens everywhere. */
    readonly host?: string;
  } = {},
): Promise<TestHub> {
  const { dev = true, host } = options;
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
  const ask = async (
    method: string,
    path: string,
    accept: string,
    body?: unknown,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Response> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        accept,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...more,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  return {
    data,
    url,
    mqtt: options.broker ?? `${dev ? "mqtt" : "mqtts"}://${host ?? "127.0.0.1"}:${port}`,
    daemon: running,
    async start(env = {}) {
      const broker =
        options.broker === undefined
          ? ["--mqtt", host === undefined ? String(port) : `[::]:${port}`]
          : ["--broker-url", options.broker];
      const args = [
        "hub",
        ...(dev ? ["--dev"] : []),
        "--data",
        data,
        "--http",
        String(http),
        ...broker,
        ...(options.args ?? []),
      ];
      const started = startDaemon("petrel", args, logFile, env);
      daemon = started;
      await waitUntil("the hub to be ready", async () => {
        if (hasEnded(started)) return true;
        // Written last, once it listens; before that the file is an earlier life's.
        const file = await readApiFile(data);
        key = file?.key ?? "";
        return file?.pid === started.pid;
      });
      if (hasEnded(started)) throw new Error(`the hub ended: ${started.log().slice(-4_000)}`);
    },
    kill: () => running().kill(),
    stop: (signal) => running().stop(signal),
    async api<T>(
      method: string,
      path: string,
      body?: unknown,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<T> {
      return (await (await ask(method, path, "application/json", body, headers)).json()) as T;
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
  stop(signal?: NodeJS.Signals): Promise<number | null>;
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
      if (knowsDev(env[checkoutOf])) flags.push("--dev");
      daemon = startDaemon(
        "petrel-agent",
        ["run", "--data", data, "--hub", hub.mqtt, "--id", id, ...flags],
        logFile,
        env,
      );
    },
    kill: () => running().kill(),
    stop: (signal) => running().stop(signal),
  };
}

/** Agents of the first versions know no such flag: they are as with it. */
function knowsDev(checkout: string | undefined): boolean {
  return (
    checkout === undefined ||
    readFileSync(join(checkout, "agent/commands-cli.ts"), "utf8").includes('"--dev"')
  );
}

/** Waits until the agent is online and holds every pack in `packs`. */
export function agentReady(hub: TestHub, id: string, packs: readonly string[] = ["core"]): Promise<unknown> {
  return waitUntil(`agent ${id} online with packs ${packs.join(", ")}`, async () => {
    const { items } = await hub.api<{ items: readonly unknown[] }>("GET", "/v1/agents");
    const agent = items.find((candidate) => isObject(candidate) && candidate.id === id);
    if (!isObject(agent) || agent.online !== true || !isObject(agent.packs)) return false;
    const held = agent.packs;
    return packs.every((pack) => Object.hasOwn(held, pack));
  });
}
