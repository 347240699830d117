/** A real agent in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface BenchAgentOptions {
  /** A folder of its own; `agent-log` in it holds what the agent says. */
  readonly folder: string;
  readonly hub: string;
  readonly id: string;
  /** How many actions run at once. */
  readonly concurrency: number;
  readonly execArgv: readonly string[];
}

const cli = fileURLToPath(new URL("../agent/agent-cli.ts", import.meta.url));

export function startAgentProcess({ folder, hub, id, concurrency, execArgv }: BenchAgentOptions) {
  const child = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      ...execArgv,
      cli,
      "run",
      "--dev",
      ...["--data", join(folder, "agent"), "--hub", hub, "--id", id],
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PETREL_AGENT_ACTIONS_CONCURRENCY: String(concurrency) },
    },
  );
  const log = createWriteStream(join(folder, "agent-log"));
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  return {
    pid: child.pid ?? 0,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}
