/** The agent beside the hub, named `hub`: started as a process of its own, and again when it ends by itself. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { backoffMs } from "../../shared/backoff.ts";
import type { LogConfig } from "../../shared/config/log-settings.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import { hubAgentId } from "../executions/place.ts";

export interface NeighborOptions {
  /** The agent's data folder. */
  readonly data: string;
  /** The broker that both use. */
  readonly hub: string;
  readonly log: LogConfig;
  /** Takes its log; without one it goes where the hub's standard error goes. */
  readonly logFile?: string;
  readonly logger: Logger;
  readonly timers: Timers;
}

/** An agent that lived this long did not end because of how it was started. */
const healthyMs = 60_000;
const backoff = { firstMs: 500, mostMs: 30_000 };
const agentProgram = fileURLToPath(new URL("../../agent/agent-cli.ts", import.meta.url));

/**
 * The agent is in a session of its own, so that Ctrl-C in the hub's terminal does not reach it: it goes when the hub
 * says so, or when the pipe to its standard input breaks because the hub was killed.
 */
export function startNeighbor({ data, hub, log, logFile, logger, timers }: NeighborOptions): {
  stop(): Promise<void>;
} {
  let child: ChildProcess | null = null;
  let isStopped = false;
  let failures = 0;
  let startedAt = 0;
  let cancel = () => {};
  let whenGone = () => {};

  const start = (): void => {
    const args = ["run", "--data", data, "--hub", hub, "--id", hubAgentId, "--exit-with-parent"];
    const flags = ["--log-level", log.level, "--log-format", log.format];
    const output = logFile === undefined ? "inherit" : openSync(logFile, "a", 0o600);
    const started = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", agentProgram, ...args, ...flags],
      { detached: true, stdio: ["pipe", output, output] },
    );
    if (typeof output === "number") closeSync(output);
    child = started;
    startedAt = performance.now();
    // Its end is told by `exit`; an error of the pipe says the same again.
    started.stdin?.on("error", () => {});
    started.on("error", (error) => logger.error("the agent beside the hub cannot be started", { error }));
    started.on("close", (code, signal) => {
      child = null;
      if (isStopped) {
        whenGone();
        return;
      }
      if (performance.now() - startedAt > healthyMs) failures = 0;
      const delayMs = backoffMs(backoff, failures++, 0.5);
      logger.error("the agent beside the hub has ended; it is started again", { code, signal, delayMs });
      cancel = timers.after(delayMs, start);
    });
  };
  start();
  return {
    stop() {
      isStopped = true;
      cancel();
      const running = child;
      if (running === null) return Promise.resolve();
      return new Promise((resolve) => {
        const cancelKill = timers.after(12_000, () => running.kill("SIGKILL"));
        whenGone = () => {
          cancelKill();
          resolve();
        };
        running.kill("SIGTERM");
      });
    },
  };
}
