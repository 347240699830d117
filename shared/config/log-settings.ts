/** Settings of the log, the same on both sides. */
import type { LogLevel } from "../log.ts";
import type { Setting } from "./config.ts";

export interface LogConfig {
  readonly level: LogLevel;
  readonly format: "text" | "json";
}

export const logSettings: readonly Setting[] = [
  {
    path: "log.level",
    schema: { type: "string", enum: ["debug", "info", "warn", "error"] },
    default: "info",
    env: "PETREL_LOG_LEVEL",
    text: "The least urgent lines that are written: debug, info, warn or error.",
  },
  {
    path: "log.format",
    schema: { type: "string", enum: ["text", "json"] },
    default: "text",
    env: "PETREL_LOG_FORMAT",
    text: "text for people, json for log collectors.",
  },
];
