/** Runs an action that is code of a pack: gate, channel, datastore calls and report, for Python and Node alike. */
import { errorReport } from "../../../shared/errors.ts";
import type { ActionRequestEntry } from "../../../shared/wire/messages.ts";
import { isNestedDeeper, maxNesting } from "../../../shared/wire/plain-json.ts";
import type { DatastoreMessage, ValueMessage } from "../../sensors/messages.ts";
import { actionEnvironment } from "../environment.ts";
import { followHanded, type GatedProgram, runGated, type ScriptChannel } from "../gated-process.ts";
import type { HandedProcess, TalkSoFar } from "../handed-over.ts";
import { type RunOutcome, type ScriptReport, scriptOutcome } from "../outcome.ts";
import type { StartedProcess } from "../started-process.ts";
import { entryPointPath } from "./entry-point-fs.ts";
import type { RunContext, RunnerSettings } from "./runner.ts";
import { parseScriptMessage, type ScriptStart } from "./script-protocol.ts";
import { placeOf, programFor } from "./user-place.ts";

/** How a language starts, given the pack's folder. */
export interface ScriptLanguage {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables that the request's `env` may not set. */
  readonly reserved: readonly string[];
}

/** Throws PACK_MISSING, PACK_ENTRY_POINT and ACTION_START before anything has run. */
export async function runScript(
  languageFor: (packFolder: string) => ScriptLanguage | Promise<ScriptLanguage>,
  settings: RunnerSettings,
  request: ActionRequestEntry,
  context: RunContext,
): Promise<RunOutcome> {
  const packFolder = await context.packs.ensurePack(request.pack, request.pack_digest);
  const { log_level: logLevel } = request.runner_parameters;
  const start: ScriptStart = {
    op: "start",
    action: request.action,
    execution: request.execution,
    pack: request.pack,
    pack_folder: packFolder,
    entry_point: entryPointPath(packFolder, request.entry_point),
    parameters: request.parameters,
    config: await context.packs.packConfig(request.pack, request.pack_digest),
    log_level: typeof logLevel === "string" ? logLevel.toUpperCase() : "DEBUG",
  };
  const language = await languageFor(packFolder);
  const talk = new ScriptTalk(request, context);
  const user = await settings.userOf(request);
  const { cwd, env } = placeOf(user, settings);
  const program: GatedProgram = {
    command: language.command,
    args: language.args,
    cwd,
    env: actionEnvironment(env, request, language.env, language.reserved),
    gate: `${JSON.stringify(start)}\n`,
    channel: talk,
  };
  const { exit, output } = await runGated(programFor(user, program), settings, context);
  return scriptOutcome(exit, output, talk.report);
}

/** Goes on with a script that the agent before this one has handed over. */
export async function followScript(
  settings: RunnerSettings,
  request: ActionRequestEntry,
  context: RunContext,
  handed: HandedProcess,
  child: StartedProcess,
): Promise<RunOutcome> {
  const talk = new ScriptTalk(request, context, handed.channel?.talk);
  const { exit, output } = await followHanded(handed, child, request.execution, settings, context, talk);
  return scriptOutcome(exit, output, talk.report);
}

/** What the next to read it could not write again: its stack would not reach to the bottom. */
const tooDeep: ScriptReport = {
  op: "exception",
  type: "ResultTooDeep",
  message: `the result is nested more than ${maxNesting} levels`,
  traceback: "",
};

/** The agent's half of the conversation with one running script. */
class ScriptTalk implements ScriptChannel {
  readonly #request: ActionRequestEntry;
  readonly #context: RunContext;
  #owner: string;
  #report: ScriptReport | null = null;

  constructor(request: ActionRequestEntry, context: RunContext, before?: TalkSoFar) {
    this.#request = request;
    this.#context = context;
    this.#owner = before?.owner ?? request.action;
    this.#report = before?.report ?? null;
  }

  soFar(): TalkSoFar {
    return { owner: this.#owner, report: this.#report };
  }

  /** What it reported last before it ended; an exception after a result counts, since the process then fails. */
  get report(): ScriptReport | null {
    return this.#report;
  }

  onLine(line: string, reply: (line: string) => void): Promise<void> | void {
    const message = parseScriptMessage(line);
    if (message === null) {
      this.#context.log.warn("an action wrote a line that is no message", { bytes: line.length });
      return;
    }
    switch (message.op) {
      case "loaded":
        this.#owner = `${this.#request.pack}.${message.class_name}`;
        return;
      case "result":
        this.#report = isNestedDeeper(message.result, maxNesting) ? tooDeep : message;
        return;
      case "exception":
      case "invalid-status":
        this.#report = message;
        return;
      default:
        return this.#answer(message).then((answer) => reply(JSON.stringify(answer)));
    }
  }

  onOversize(bytes: number): void {
    this.#report = {
      op: "exception",
      type: "ResultTooLarge",
      message: `the result has ${bytes} bytes of JSON; 24 MiB is the most an agent takes`,
      traceback: "",
    };
  }

  /** Never rejects: the action gets the error as its answer. */
  async #answer(call: DatastoreMessage): Promise<ValueMessage> {
    try {
      const value = await this.#context.datastore(this.#owner, call);
      return { op: "value", request: call.request, value };
    } catch (error) {
      const { code, message } = errorReport(error);
      return { op: "value", request: call.request, error: { code, message } };
    }
  }
}
