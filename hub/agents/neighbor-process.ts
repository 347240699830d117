/** The agent beside the hub, named `hub`: started as a process of its own, and again when it ends by itself. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { type Backoff, backoffMs } from "../../shared/backoff.ts";
import type { LogConfig } from "../../shared/config/log-settings.ts";
import type { Logger } from "../../shared/log.ts";
import { type OwnCommand, ownCommand } from "../../shared/runtime/own-programs-process.ts";
import type { Timers } from "../../shared/timers.ts";
import { hubAgentId } from "../executions/place.ts";
import { neighborLabels } from "../packs/built-in.ts";

export interface NeighborOptions {
  /** The agent's data folder. */
  readonly data: string;
  /** Lets it run actions as the user that runs the hub. */
  readonly dev: boolean;
  /** With what it enrols at its first start. */
  readonly env?: Readonly<Record<string, string>>;
  /** The broker that both use. It may hold a password: other users see a command line, but not the environment. */
  readonly hub: string;
  readonly log: LogConfig;
  /** Takes its log; without one it goes where the hub's standard error goes. */
  readonly logFile?: string;
  readonly logger: Logger;
  readonly timers: Timers;
  readonly jitter: () => number;
  /** Default: the agent of this installation. */
  readonly program?: OwnCommand;
}

/** An agent that lived this long did not end because of how it was started. */
const healthyMs = 60_000;
const backoff: Backoff = { firstMs: 500, mostMs: 30_000 };
/**
 * An agent needs up to 8 s to end its actions and sensors; Ctrl-C has to be over within 10. One that was told to let
 * its actions go on for longer is asked once more: then it ends them at once.
 */
const hurryAfterMs = 5_000;
const stopWithinMs = 9_000;
const agentProgram = () => ownCommand(new URL("../../agent/agent-cli.ts", import.meta.url));

/**
 * The agent is in a session of its own, so that Ctrl-C in the hub's terminal does not reach it: it goes when the hub
 * says so, or when the pipe to its standard input breaks because the hub was killed.
 */
export function startNeighbor(options: NeighborOptions): { stop(): Promise<void> } {
  const { logger, timers, jitter } = options;
  let child: ChildProcess | null = null;
  let isStopped = false;
  let failures = 0;
  let cancel = () => {};
  let whenGone = () => {};

  const startLater = (fields: Record<string, unknown>): void => {
    const delayMs = Math.round(backoffMs(backoff, failures++, jitter()));
    logger.error("the agent beside the hub has ended; it is started again", { ...fields, delayMs });
    cancel = timers.after(delayMs, start);
  };
  const start = (): void => {
    const startedAt = performance.now();
    let started: ChildProcess;
    try {
      started = spawnAgent(options);
    } catch (error) {
      // No file descriptor, no memory, no place for its log: none of that ends the hub.
      startLater({ error });
      return;
    }
    child = started;
    // Its end is told by `close`; an error of the pipe says the same again.
    started.stdin?.on("error", () => {});
    let fault: Error | null = null;
    started.on("error", (error) => {
      fault = error;
    });
    started.on("close", (code, signal) => {
      child = null;
      if (isStopped) {
        whenGone();
        return;
      }
      if (performance.now() - startedAt > healthyMs) failures = 0;
      startLater(fault === null ? { code, signal } : { error: fault });
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
        const cancelHurry = timers.after(hurryAfterMs, () => running.kill("SIGTERM"));
        const cancelKill = timers.after(stopWithinMs, () => {
          logger.error("the agent beside the hub does not end; it is killed", { withinMs: stopWithinMs });
          running.kill("SIGKILL");
        });
        whenGone = () => {
          cancelHurry();
          cancelKill();
          resolve();
        };
        running.kill("SIGTERM");
      });
    },
  };
}

function spawnAgent({
  data,
  dev,
  hub,
  env,
  log,
  logFile,
  program = agentProgram(),
}: NeighborOptions): ChildProcess {
  const args = ["run", "--data", data, "--id", hubAgentId, "--exit-with-parent", ...(dev ? ["--dev"] : [])];
  const [command, ...first] = program;
  const labels = Object.entries(neighborLabels).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
  const flags = ["--log-level", log.level, "--log-format", log.format];
  const output = logFile === undefined ? "inherit" : openSync(logFile, "a", 0o600);
  try {
    return spawn(command, [...first, ...args, ...labels, ...flags], {
      detached: true,
      stdio: ["pipe", output, output],
      env: { ...process.env, PETREL_HUB: hub, ...env },
    });
  } finally {
    if (typeof output === "number") closeSync(output);
  }
}
