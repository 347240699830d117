/** Structured log lines: one JSON object or one readable line per event, secrets masked, safe for a terminal. */
import { errorMessage } from "./error-message.ts";
import { isPetrelError } from "./errors.ts";
import { plain } from "./plain-text.ts";

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

/** A daemon's log, which remembers its last warnings and errors for who asks. */
export interface DaemonLog extends Logger {
  /** Whole lines, masked as they were written, oldest first. */
  readonly recent: () => readonly string[];
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
/** Field names that StackStorm masks (st2 docs, Secrets masking), compared in lower case. */
export const secretNames: ReadonlySet<string> = new Set([
  "password",
  "auth_token",
  "token",
  "secret",
  "credentials",
  "api_key",
  "sudo_password",
]);

function mask(key: string, value: unknown): unknown {
  if (secretNames.has(key.toLowerCase())) return "********";
  if (value instanceof Error) return describe(value);
  return typeof value === "bigint" ? String(value) : value;
}

/** Errors without a code are nobody's plan: they say where they come from. */
function describe(error: Error, depth = 0): string {
  const { code } = error as { readonly code?: unknown };
  const message = errorMessage(error);
  const text = code === undefined ? `${message}${origin(error)}` : `${String(code)}: ${message}`;
  const { cause } = error;
  // A cause of our own is an evaluation's, say, and may quote a value that the message leaves out.
  if (!(cause instanceof Error) || isPetrelError(cause) || depth >= 3) return text;
  return `${text}; cause: ${describe(cause, depth + 1)}`;
}

function origin({ stack }: Error): string {
  const frame = stack?.split("\n").find((line) => /^\s+at /.test(line));
  return frame === undefined ? "" : ` (${frame.trim()})`;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Receives whole lines without their line end. */
  readonly write: (line: string, level: LogLevel) => void;
  readonly now: () => number;
}

/**
 * A logger that writes to `options.write`; masking is by field name, at any level of nesting. It never throws: what
 * cannot be logged must not end what was to be logged.
 */
export function createLogger(options: LogOptions, bound: LogFields = {}): Logger {
  const emit = (level: LogLevel, message: string, fields: LogFields = {}) => {
    if (RANK[level] < RANK[options.level]) return;
    const at = new Date(options.now()).toISOString();
    try {
      const all = { ...bound, ...fields };
      // What is escaped in JSON text means what it replaces: it is still the same JSON.
      options.write(
        plain(
          options.format === "json"
            ? JSON.stringify({ at, level, message, ...all }, mask)
            : asText(at, level, message, all),
        ),
        level,
      );
    } catch {
      // A field that is no JSON, or nowhere left to write to: nobody can be told.
    }
  };
  return {
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
    child: (fields) => createLogger(options, { ...bound, ...fields }),
  };
}

function asText(at: string, level: LogLevel, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const masked = mask(key, value);
      return `${key}=${typeof masked === "string" && !/[\s"]/.test(masked) ? masked : JSON.stringify(masked, mask)}`;
    });
  return [at, level.toUpperCase().padEnd(5), message, ...pairs].join(" ");
}

/** For tests and for parts that are run without a log. */
export const silentLogger: Logger = createLogger({
  level: "error",
  format: "json",
  write: () => {},
  now: () => 0,
});
