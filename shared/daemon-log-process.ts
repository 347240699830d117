/** The log of a daemon: its standard error, which may go away before it does. */
import type { LogConfig } from "./config/log-settings.ts";
import { createLogger, type Logger } from "./log.ts";

export function daemonLogger(config: LogConfig): Logger {
  // A terminal that was closed, a log reader that ended: no reason to leave the agents of a fleet, or their hub, alone.
  process.stderr.on("error", () => {});
  return createLogger({
    ...config,
    write: (line) => process.stderr.write(`${line}\n`),
    now: () => Date.now(),
  });
}
