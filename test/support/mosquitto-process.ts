/** Debian's mosquitto as an external broker: installed once when there is root, started for one test. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { atEnd } from "./at-end.ts";
import { packageMissing } from "./debian-process.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

const binary = "/usr/sbin/mosquitto";

/** `null` when mosquitto can be run here, else the reason why not. */
export function mosquittoMissing(): Promise<string | null> {
  return packageMissing("mosquitto", () => existsSync(binary));
}

export interface Mosquitto {
  readonly port: number;
  /** Of the process that runs now; `null` while none does. */
  pid(): number | null;
  /** kill -9, at once. */
  kill(): Promise<void>;
  /** Again, on the same port, remembering nothing. */
  start(): Promise<void>;
}

/** On a free port of 127.0.0.1, with a configuration of its own and no persistence; killed when the test ends. */
export async function startMosquitto(): Promise<Mosquitto> {
  const folder = await tempFolder("mosquitto");
  const port = await freePort();
  const configuration = join(folder, "mosquitto.conf");
  await writeFile(
    configuration,
    [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      "persistence false",
      "set_tcp_nodelay true",
      "max_queued_messages 100000",
      "max_inflight_messages 1000",
      ...(process.getuid?.() === 0 ? ["user root"] : []),
      "log_type error",
      "",
    ].join("\n"),
  );
  return runMosquitto(configuration, port);
}

/** With a configuration that is there already, which listens there; killed when the test ends. */
export async function runMosquitto(
  configuration: string,
  port: number,
  host = "127.0.0.1",
): Promise<Mosquitto> {
  let child: ChildProcess | null = null;
  const kill = async () => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = new Promise((resolve) => ending.once("exit", resolve));
    ending.kill("SIGKILL");
    await gone;
  };
  const start = async () => {
    child = spawn(binary, ["-c", configuration], { stdio: "ignore" });
    await waitUntil("mosquitto listens", () => answers(host, port));
  };
  atEnd(kill);
  await start();
  return { port, pid: () => child?.pid ?? null, kill, start };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (typeof address !== "object" || address === null) throw new Error("no free port");
  return address.port;
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
