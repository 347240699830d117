/** Structured log lines: one JSON object or one readable line per event, secrets masked. */

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line. */
  child(fields: LogFields): Logger;
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
/** Field names that StackStorm masks (st2 docs, Secrets masking), compared in lower case. */
const SECRET = new Set([
  "password",
  "auth_token",
  "token",
  "secret",
  "credentials",
  "api_key",
  "sudo_password",
]);

function mask(key: string, value: unknown): unknown {
  if (SECRET.has(key.toLowerCase())) return "********";
  if (value instanceof Error) {
    const code = (value as { code?: unknown }).code;
    return code === undefined ? value.message : `${String(code)}: ${value.message}`;
  }
  return value;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Receives whole lines without their line end. */
  readonly write: (line: string) => void;
  readonly now: () => number;
}

/** A logger that writes to `options.write`; masking is by field name, at any level of nesting. */
export function createLogger(options: LogOptions, bound: LogFields = {}): Logger {
  const emit = (level: LogLevel, message: string, fields: LogFields = {}) => {
    if (RANK[level] < RANK[options.level]) return;
    const at = new Date(options.now()).toISOString();
    const all = { ...bound, ...fields };
    if (options.format === "json") {
      options.write(JSON.stringify({ at, level, message, ...all }, mask));
      return;
    }
    const pairs = Object.entries(all)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => {
        const masked = mask(key, value);
        return `${key}=${typeof masked === "string" && !/[\s"]/.test(masked) ? masked : JSON.stringify(masked, mask)}`;
      });
    options.write([at, level.toUpperCase().padEnd(5), message, ...pairs].join(" "));
  };
  return {
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
    child: (fields) => createLogger(options, { ...bound, ...fields }),
  };
}

/** For tests and for parts that are run without a log. */
export const silentLogger: Logger = createLogger({
  level: "error",
  format: "json",
  write: () => {},
  now: () => 0,
});
