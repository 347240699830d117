/** An agent behind its front, as its unit starts it, and what stands for systemd. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentBehind, frontScript } from "../../shared/install/front.ts";
import { atEnd } from "./at-end.ts";
import { commandPath } from "./command-path.ts";
import type { TestHub } from "./fleet.ts";
import { processesAtHome } from "./home-processes.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

export interface FrontedAgent {
  readonly data: string;
  readonly runtime: string;
  log(): string;
  /** The agent's process. */
  pid(): Promise<number>;
  /** `before`: words of a command that starts the front, with other settings. */
  start(env?: Record<string, string>, before?: readonly string[]): void;
  /** What systemd is at from now on. */
  job(what: string): Promise<void>;
  /** The first half of a restart, or a stop: SIGTERM to the front; its exit code. */
  end(job: "restart" | "stop"): Promise<number | null>;
  restart(): Promise<void>;
  front(): ChildProcess;
}

export async function frontedAgent(hub: Pick<TestHub, "mqtt">, id: string): Promise<FrontedAgent> {
  const home = await tempFolder("fronted");
  const [data, runtime, logFile, job] = ["data", "run", "log", "job"].map((name) => join(home, name));
  if (data === undefined || runtime === undefined || logFile === undefined || job === undefined)
    throw new Error("no folder");
  await mkdir(runtime, { mode: 0o700 });
  const systemctl = join(home, "systemctl");
  await writeFile(systemctl, `#!/bin/sh\necho "17 petrel-agent.service $(cat ${job}) running"\n`, {
    mode: 0o755,
  });
  const log = () => readFileSync(logFile, "utf8");
  let front: ChildProcess | null = null;
  const running = () => {
    if (front === null) throw new Error("it has not been started");
    return front;
  };
  atEnd(async ({ failed }) => {
    // Again until nobody is left: a front may just have started an agent.
    await waitUntil("nobody to be left", () => {
      const left = processesAtHome(home);
      for (const { pid } of left) killIfThere(pid);
      return left.length === 0;
    });
    if (failed) console.error(log().split("\n").slice(-60).join("\n"));
  });
  const start = (env: Record<string, string> = {}, before: readonly string[] = []) => {
    const out = openSync(logFile, "a");
    const words = ["run", "--data", data, "--hub", hub.mqtt, "--id", id, "--dev"];
    const [program = "", ...args] = [
      ...before,
      "/bin/sh",
      "-c",
      frontScript,
      commandPath("petrel-agent"),
      ...words,
    ];
    front = spawn(program, args, {
      detached: true,
      stdio: ["ignore", out, out],
      env: {
        ...process.env,
        HOME: home,
        RUNTIME_DIRECTORY: runtime,
        PETREL_SYSTEMCTL: systemctl,
        PETREL_AGENT_ACTIONS_DRAIN_SECONDS: "600",
        ...env,
      },
    });
  };
  const end = async (what: "restart" | "stop") => {
    await writeFile(job, what);
    const ended = once(running(), "exit");
    running().kill("SIGTERM");
    await ended;
    return running().exitCode;
  };
  return {
    data,
    runtime,
    log,
    front: running,
    job: (what) => writeFile(job, what),
    pid: () =>
      waitUntil(
        "the front to have an agent",
        () => agentBehind(readFileSync(`/proc/${running().pid}/comm`, "utf8")) ?? 0,
      ),
    start,
    end,
    async restart() {
      await end("restart");
      start();
    },
  };
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has gone meanwhile.
  }
}
