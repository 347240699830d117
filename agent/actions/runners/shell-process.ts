/** The runners `local-shell-cmd` and `local-shell-script` (st2 docs, Action Runners). */
import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PetrelError } from "../../../shared/errors.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { quote, scriptArguments } from "../../../shared/script-arguments.ts";
import type { ActionRequestEntry } from "../../../shared/wire/messages.ts";
import { actionEnvironment } from "../environment.ts";
import { followHanded, type GatedProgram, runGated } from "../gated-process.ts";
import { type CapturedOutput, type RunOutcome, shellOutcome } from "../outcome.ts";
import { entryPointPath } from "./entry-point-fs.ts";
import type { RunContext, Runner, RunnerSettings } from "./runner.ts";
import { gateLine, gateScript } from "./shell-text.ts";
import { placeOf, programFor } from "./user-place.ts";

/** Runs `cmd` through bash, or through sh on hosts that have no bash. */
export function shellCommandRunner(settings: RunnerSettings): Runner {
  return {
    name: "local-shell-cmd",
    mayPause: true,
    takeUp: taking(settings),
    run(request, context) {
      const { cmd } = request.runner_parameters;
      if (typeof cmd !== "string" || cmd === "")
        throw new PetrelError("PARAMETER_MISSING", `action ${request.action} got no command in 'cmd'`);
      return runShell(cmd, settings, request, context);
    },
  };
}

/** Runs the action's script with its parameters as arguments: named ones, then positional ones. */
export function shellScriptRunner(settings: RunnerSettings): Runner {
  return {
    name: "local-shell-script",
    mayPause: true,
    takeUp: taking(settings),
    async run(request, context) {
      const folder = await context.packs.ensurePack(request.pack, request.pack_digest);
      const script = entryPointPath(folder, request.entry_point);
      const { mode } = statSync(script);
      // As StackStorm does: packs come from archives and repositories that forget the mode.
      if ((mode & 0o100) === 0) chmodSync(script, mode | 0o755);
      const { kwarg_op: prefix = "--" } = request.runner_parameters;
      const args = scriptArguments(request.parameters, request.positional ?? [], String(prefix ?? "--"));
      return runShell(`exec ${[script, ...args].map(quote).join(" ")}`, settings, request, context);
    },
  };
}

const taking =
  (settings: RunnerSettings): NonNullable<Runner["takeUp"]> =>
  async ({ execution }, context, handed, child) => {
    const { exit, output } = await followHanded(handed, child, execution, settings, context);
    return shellOutcome(exit, output);
  };

async function runShell(
  command: string,
  settings: RunnerSettings,
  request: ActionRequestEntry,
  context: RunContext,
): Promise<RunOutcome> {
  if (command.includes("\0"))
    throw new PetrelError("PARAMETER_INVALID", `the command of ${request.action} holds a NUL character`);
  const parameters = request.runner_parameters;
  const user = await settings.userOf(request);
  const uid = user?.account.uid ?? process.getuid?.();
  const sudo = parameters.sudo === true && uid !== 0;
  const { cwd, env } = placeOf(user, settings);
  const program: GatedProgram = {
    ...(sudo ? sudoShell(command, parameters) : plainShell(command, settings.env.PATH)),
    cwd: typeof parameters.cwd === "string" && parameters.cwd !== "" ? parameters.cwd : cwd,
    env: actionEnvironment(env, request),
  };
  const { exit, output } = await runGated(programFor(user, program), settings, context);
  const outcome = shellOutcome(exit, output);
  return sudo && exit.code === 1 && passwordRefused(output) ? refusedOutcome(outcome) : outcome;
}

/** Bash takes a socket on standard input for a login over the network, and would run ~/.bashrc (bash(1), INVOCATION). */
const noStartupFile = ["--norc"];

function plainShell(command: string, path = "") {
  const { shell, place } = shellOf(path);
  const options = shell === "bash" ? noStartupFile : [];
  return { command: place, args: [...options, "-c", gateScript(shell)], gate: gateLine(command) };
}

/** The gate stands inside sudo, which closes all descriptors but the first three. */
function sudoShell(command: string, parameters: JsonObject) {
  const password = parameters.sudo_password;
  const marker = `petrel-gate-${randomUUID()}`;
  const authenticate = typeof password === "string" ? ["-S", "-p", ""] : ["-n"];
  return {
    command: "sudo",
    args: [...authenticate, "-E", "--", "bash", ...noStartupFile, "-c", gateScript("bash", marker)],
    gate: `${typeof password === "string" ? `${password}\n` : ""}${marker}\n${gateLine(command)}`,
  };
}

interface FoundShell {
  readonly shell: "bash" | "sh";
  /** By its path: an action's own PATH says nothing of what waits at the gate. */
  readonly place: string;
}

/** By search path; looked for once. */
const shells = new Map<string, FoundShell>();

function shellOf(path: string): FoundShell {
  const known = shells.get(path);
  if (known !== undefined) return known;
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  const place = (name: string) =>
    folders.map((folder) => join(folder, name)).find((each) => existsSync(each));
  const bash = place("bash");
  const found: FoundShell =
    bash === undefined ? { shell: "sh", place: place("sh") ?? "sh" } : { shell: "bash", place: bash };
  shells.set(path, found);
  return found;
}

function passwordRefused({ stderr }: CapturedOutput): boolean {
  return /incorrect password|no password was provided|try again/i.test(stderr.text);
}

/** StackStorm's answer to a wrong password: return code -1 and a text. */
function refusedOutcome(outcome: RunOutcome): RunOutcome {
  const error = "Invalid sudo password provided or sudo is not configured for this user";
  return { ...outcome, result: { ...(outcome.result as JsonObject), return_code: -1, error } };
}
