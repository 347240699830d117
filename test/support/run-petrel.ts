/** Runs the real commands as processes, as a user would. */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { atEnd } from "./at-end.ts";
import { checkoutOf, commandPath } from "./command-path.ts";
import { inNetwork } from "./network-namespace.ts";

const root = resolve(import.meta.dirname, "../..");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export interface RunOptions {
  readonly command?: "petrel" | "petrel-agent";
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input. */
  readonly input?: string;
}

/** Starts `bin/petrel`; nothing of Petrel in the caller's environment reaches it. Killed when the test ends. */
export function startPetrel(args: readonly string[], options: RunOptions = {}): Running {
  const clean = Object.entries(process.env).filter(([name]) => !/^(PETREL|VITEST|NODE)/.test(name));
  const env = { ...Object.fromEntries(clean), ...options.env };
  const program = inNetwork(commandPath(options.command ?? "petrel", env[checkoutOf]), args, env);
  const child = spawn(program.file, program.args, {
    cwd: options.cwd ?? root,
    env,
    stdio: ["pipe", "pipe", "pipe"],
  });
  atEnd(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const ended = new Promise<Ended>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => done({ code, stdout, stderr }));
  });
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}

export function runPetrel(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startPetrel(args, options).ended;
}
