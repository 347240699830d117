/** mosquitto on a free port, for the raw round trip and as an external broker. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";

export interface Mosquitto {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

const patienceMs = 5_000;

/** Nothing is persisted. Rejects when mosquitto is not installed. */
export async function startMosquitto(folder: string): Promise<Mosquitto> {
  const port = await freePort();
  const configuration = join(folder, `mosquitto-${port}.conf`);
  const settings = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence false",
    "set_tcp_nodelay true",
    "max_inflight_messages 0",
    "max_queued_messages 0",
    "log_type error",
    ...(process.getuid?.() === 0 ? ["user root"] : []),
  ];
  await writeFile(configuration, `${settings.join("\n")}\n`);
  const path = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;
  const child = spawn("mosquitto", ["-c", configuration], { stdio: "inherit", env: { PATH: path } });
  await once(child, "spawn");
  const until = performance.now() + patienceMs;
  while (!(await answers(port))) {
    if (performance.now() > until) throw new Error("mosquitto does not listen");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    pid: child.pid ?? 0,
    port,
    async stop() {
      child.kill();
      await once(child, "exit");
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
