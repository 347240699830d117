/** The runners that actions may name, with their parameters (st2 docs, Action Runners). */

import type { ParameterSchemas } from "../model/pack.ts";
import { nearest } from "../nearest.ts";

export interface Runner {
  readonly name: string;
  /** Names of old StackStorm versions that mean this one. */
  readonly aliases: readonly string[];
  /** Whether the action needs a code file. */
  readonly entryPoint: "required" | "none";
  readonly parameters: ParameterSchemas;
  /** Seconds after which a run is ended; `null` for runs that take no time. */
  readonly timeoutSeconds: number | null;
}

const env = { type: "object", description: "Environment variables of the process." } as const;
const timeout = (seconds: number) =>
  ({ type: "integer", default: seconds, description: "Seconds after which the action is ended." }) as const;

const run_as = {
  type: "string",
  description: "User of the host to run as; the agent's own settings have to allow it.",
} as const;

const shell: ParameterSchemas = {
  cwd: { type: "string", description: "Working folder." },
  env,
  kwarg_op: {
    type: "string",
    default: "--",
    description: "What stands before the name of a named argument.",
  },
  run_as,
  sudo: { type: "boolean", default: false, description: "Run as root by sudo." },
  sudo_password: { type: "string", secret: true, description: "Password for sudo, when it asks for one." },
  timeout: timeout(60),
};

const script: ParameterSchemas = {
  env,
  run_as,
  timeout: timeout(600),
  log_level: {
    type: "string",
    default: "DEBUG",
    enum: ["AUDIT", "CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"],
    description: "Lowest level of the action's own log lines that are kept.",
  },
};

const http: ParameterSchemas = {
  url: { type: "string", required: true, description: "Where the request goes." },
  headers: { type: "object", description: "Request headers." },
  cookies: { type: "object", description: "Cookies sent along." },
  username: { type: "string", description: "User name for basic authentication." },
  password: { type: "string", secret: true, description: "Password for basic authentication." },
  http_proxy: { type: "string", description: "Proxy for http." },
  https_proxy: { type: "string", description: "Proxy for https." },
  allow_redirects: { type: "boolean", default: false, description: "Follow redirects." },
  verify_ssl_cert: {
    type: "boolean",
    default: true,
    description: "Refuse a certificate that does not verify.",
  },
  url_hosts_blacklist: { type: "array", description: "Hosts that may not be asked." },
  url_hosts_whitelist: { type: "array", description: "The only hosts that may be asked." },
  timeout: timeout(60),
};

const table: readonly Runner[] = [
  {
    name: "local-shell-cmd",
    aliases: ["run-local"],
    entryPoint: "none",
    parameters: { cmd: { type: "string", description: "Command line for the shell." }, ...shell },
    timeoutSeconds: 60,
  },
  {
    name: "local-shell-script",
    aliases: ["run-local-script"],
    entryPoint: "required",
    parameters: shell,
    timeoutSeconds: 60,
  },
  {
    name: "python-script",
    aliases: ["run-python"],
    entryPoint: "required",
    parameters: script,
    timeoutSeconds: 600,
  },
  { name: "node-script", aliases: [], entryPoint: "required", parameters: script, timeoutSeconds: 600 },
  {
    name: "http-request",
    aliases: ["http-runner"],
    entryPoint: "none",
    parameters: http,
    timeoutSeconds: 60,
  },
  { name: "noop", aliases: [], entryPoint: "none", parameters: {}, timeoutSeconds: null },
];

/** Every runner by its canonical name. */
export const runners: ReadonlyMap<string, Runner> = new Map(table.map((runner) => [runner.name, runner]));

/** The parameters that each runner itself takes, beside those of the action. */
export const runnerParameters: Readonly<Record<string, ParameterSchemas>> = Object.fromEntries(
  table.map((runner) => [runner.name, runner.parameters]),
);

const canonical = new Map(table.flatMap((r) => [r.name, ...r.aliases].map((name) => [name, r.name])));

/** Runners of StackStorm that Petrel has not: a pack that names one loads, the action fails when it is run. */
const missing: ReadonlySet<string> = new Set([
  "orquesta",
  "action-chain",
  "mistral-v2",
  "cloudslang",
  "inquirer",
  "announcement",
  "remote-shell-cmd",
  "remote-shell-script",
  "run-remote",
  "run-remote-script",
  "winrm-cmd",
  "winrm-ps-cmd",
  "winrm-ps-script",
  "windows-cmd",
  "windows-script",
]);

export type RunnerLookup =
  | { readonly kind: "known"; readonly runner: Runner; readonly legacy: boolean }
  | { readonly kind: "missing" }
  | { readonly kind: "unknown"; readonly nearest: string | null };

/** The runner that metadata means by `name`. */
export function findRunner(name: string): RunnerLookup {
  const runner = runners.get(canonical.get(name) ?? "");
  if (runner !== undefined) return { kind: "known", runner, legacy: runner.name !== name };
  if (missing.has(name)) return { kind: "missing" };
  return { kind: "unknown", nearest: nearest(name, [...canonical.keys(), ...missing]) };
}

/** Runners whose process can be held and let go on. */
const pausable: ReadonlySet<string> = new Set([
  "local-shell-cmd",
  "local-shell-script",
  "python-script",
  "node-script",
]);

export function mayPause(runner: string): boolean {
  return pausable.has(runner);
}
