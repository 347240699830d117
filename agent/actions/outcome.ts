/** Turns how a process ended, and what it wrote, into StackStorm's status and result (st2 docs, Action Runners). */
import { parseExact } from "../../shared/exact-json.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import { isNestedDeeper, maxNesting } from "../../shared/wire/plain-json.ts";
import type { FinalStatus } from "./journal.ts";

/** What a run came to. */
export interface RunOutcome {
  readonly status: FinalStatus;
  readonly result: Json;
  /** Why in a few words; always there when it did not succeed. */
  readonly reason?: string;
}

/** Why a run was ended from our side. */
export type StopReason =
  | { readonly kind: "timeout"; readonly seconds: number }
  | { readonly kind: "cancel"; readonly reason: string }
  | { readonly kind: "shutdown" };

/** How a process ended; exactly one of code and signal is set. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: { readonly name: string; readonly number: number } | null;
  /** Set when we had asked it to end before it did. */
  readonly stopped: StopReason | null;
  /** False when members of its group would not go even by SIGKILL. */
  readonly gone: boolean;
}

/** One captured stream. */
export interface CapturedText {
  readonly text: string;
  /** Bytes beyond the cap, which were not kept. */
  readonly droppedBytes: number;
}

export interface CapturedOutput {
  readonly stdout: CapturedText;
  readonly stderr: CapturedText;
}

/** What a Python or JavaScript action sent home over its own descriptor. */
export type ScriptReport =
  | {
      readonly op: "result";
      readonly result: Json;
      /** From a pair `(true | false, result)`; `null` when the action returned anything else. */
      readonly status: boolean | null;
      /** True when values that JSON lacks were written in another way. */
      readonly converted?: boolean;
    }
  | { readonly op: "exception"; readonly type: string; readonly message: string; readonly traceback: string }
  | { readonly op: "invalid-status"; readonly message: string };

/** The reason of executions that a stopping agent ended. */
export const agentStopped = "agent stopped";

/** Python's convention: the negative signal number. A timeout of ours always reads -9, as there. */
function returnCode(exit: ProcessExit): number {
  if (exit.stopped?.kind === "timeout") return -9;
  return exit.signal === null ? (exit.code ?? -1) : -exit.signal.number;
}

/** A signal that we did not send is named: neither a timeout nor an abandoned run is made of it. */
function errorText(exit: ProcessExit): string | null {
  if (exit.stopped?.kind === "timeout") return `Action failed to complete in ${exit.stopped.seconds} seconds`;
  if (exit.stopped?.kind === "cancel") return `Action was canceled: ${exit.stopped.reason}`;
  if (exit.stopped?.kind === "shutdown") return `Action was ended: ${agentStopped}`;
  if (exit.signal !== null) return `Action was ended from outside by ${exit.signal.name}`;
  return null;
}

/** The status that our own stop gives, whatever the process made of it; `null` when it ended by itself. */
function stoppedOutcome(exit: ProcessExit): Omit<RunOutcome, "result"> | null {
  const stubborn = exit.gone ? "" : "; some of its processes would not go";
  switch (exit.stopped?.kind) {
    case undefined:
      return null;
    case "timeout":
      return { status: "timeout", reason: `timed out after ${exit.stopped.seconds} s${stubborn}` };
    case "cancel":
      return { status: "canceled", reason: `${exit.stopped.reason}${stubborn}` };
    case "shutdown":
      return { status: "abandoned", reason: `${agentStopped}${stubborn}` };
  }
}

/** Characters of what an action complains of: a list shows it in one line, and the result has all of it. */
const complaintLength = 200;

/** How a run ended that nobody stopped; `complaint` is what the action itself says, and says more than a code. */
function endedOutcome(
  exit: ProcessExit,
  succeeded: boolean,
  complaint: string | null = null,
): Omit<RunOutcome, "result"> {
  if (succeeded) return { status: "succeeded" };
  if (exit.signal !== null) return { status: "failed", reason: `ended from outside by ${exit.signal.name}` };
  const [line = ""] = complaint?.trim().split(/[\r\n]/, 1) ?? [];
  if (line !== "") {
    // By code points, so that no pair is cut in two.
    const cut = [...line].slice(0, complaintLength).join("");
    return { status: "failed", reason: cut === line ? line : `${cut}…` };
  }
  return {
    status: "failed",
    reason: exit.code === 0 ? "said that it failed" : `exit code ${exit.code ?? -1}`,
  };
}

function dropped(output: CapturedOutput): JsonObject {
  return {
    ...(output.stdout.droppedBytes > 0 && { stdout_dropped_bytes: output.stdout.droppedBytes }),
    ...(output.stderr.droppedBytes > 0 && { stderr_dropped_bytes: output.stderr.droppedBytes }),
  };
}

/**
 * Shell output as results carry it: without one trailing line end, and replaced by its value if all of it is
 * JSON. Numbers that a double cannot hold stay text, so that no digit is lost, and so does what is nested too deeply to
 * be carried on.
 */
export function shellValue({ text, droppedBytes }: CapturedText): Json {
  const stripped = text.replace(/\r?\n$/, "");
  // Most output is no JSON: then it is its text.
  const value = droppedBytes > 0 ? undefined : jsonValue(stripped);
  return value === undefined ? stripped : value;
}

/** `undefined` for what is no JSON, or is nested more deeply than can be carried on. */
export function jsonValue(text: string): Json | undefined {
  try {
    const value = parseExact(text) as Json;
    return isNestedDeeper(value, maxNesting) ? undefined : value;
  } catch {
    return undefined;
  }
}

/** The result of `local-shell-cmd` and `local-shell-script`. */
export function shellOutcome(exit: ProcessExit, output: CapturedOutput): RunOutcome {
  const succeeded = exit.stopped === null && exit.code === 0;
  const error = errorText(exit);
  const result = {
    failed: !succeeded,
    succeeded,
    return_code: returnCode(exit),
    stdout: shellValue(output.stdout),
    stderr: shellValue(output.stderr),
    ...dropped(output),
    ...(error !== null && { error }),
  };
  return { ...(stoppedOutcome(exit) ?? endedOutcome(exit, succeeded)), result };
}

/** The result of `python-script` and `node-script`. An exit code other than 0, and an exception, fail whatever was returned. */
export function scriptOutcome(
  exit: ProcessExit,
  output: CapturedOutput,
  report: ScriptReport | null,
): RunOutcome {
  const returned = report?.op === "result" && exit.stopped === null ? report : null;
  const complaint = reportedError(report);
  const succeeded =
    exit.stopped === null && exit.code === 0 && complaint === null && returned?.status !== false;
  const error = errorText(exit) ?? complaint;
  const result: Json = {
    stdout: output.stdout.text,
    stderr: output.stderr.text,
    exit_code: returnCode(exit),
    result: returned?.result ?? null,
    ...dropped(output),
    ...(returned?.converted === true && { converted: true }),
    ...(error !== null && { error }),
    ...(report?.op === "exception" && {
      exception: { type: report.type, message: report.message, traceback: report.traceback },
    }),
  };
  return { ...(stoppedOutcome(exit) ?? endedOutcome(exit, succeeded, complaint)), result };
}

function reportedError(report: ScriptReport | null): string | null {
  if (report?.op === "exception") return `${report.type}: ${report.message}`;
  return report?.op === "invalid-status" ? report.message : null;
}

/** The outcome of a run that could not begin or broke in our own hands. */
export function brokenOutcome(code: string, message: string, where?: string, fix?: string): RunOutcome {
  const detail = { code, ...(where !== undefined && { where }), ...(fix !== undefined && { fix }) };
  return { status: "failed", result: { error: message, ...detail }, reason: `${code}: ${message}` };
}

/** The outcome of a run that was stopped before anything of it had started. */
export function unstartedOutcome(stopped: StopReason): RunOutcome {
  const exit: ProcessExit = { code: null, signal: null, stopped, gone: true };
  return { status: "failed", ...stoppedOutcome(exit), result: { error: errorText(exit) } };
}
