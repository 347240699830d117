/** The log of a daemon: its standard error, which may go away before it does, and its last troubles in memory. */
import type { LogConfig } from "./config/log-settings.ts";
import { createLogger, type DaemonLog } from "./log.ts";

/** Warnings and errors that are remembered, and how much of each. */
const kept = 50;
const longest = 1_000;

export function daemonLogger(config: LogConfig): DaemonLog {
  // A terminal that was closed, a log reader that ended: no reason to leave the agents of a fleet, or their hub, alone.
  process.stderr.on("error", () => {});
  const recent: string[] = [];
  const logger = createLogger({
    ...config,
    write: (line, level) => {
      if (level === "warn" || level === "error") {
        recent.push(line.length > longest ? `${line.slice(0, longest)}…` : line);
        if (recent.length > kept) recent.shift();
      }
      process.stderr.write(`${line}\n`);
    },
    now: () => Date.now(),
  });
  return { ...logger, recent: () => [...recent] };
}
