/**
 * Runs one program in a process group of its own, behind a gate: it exists, with an id that can be written
 * down, but does nothing until its start is on disk. If the agent dies before, the program reads end-of-file.
 */
import { Buffer } from "node:buffer";
import { statSync } from "node:fs";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { PetrelError } from "../../shared/errors.ts";
import { LineCutter } from "../sensors/lines.ts";
import { executionVariable } from "./environment.ts";
import { endFamily } from "./family-process.ts";
import { endGroup } from "./group-process.ts";
import { HandedOver, type HandedProcess, type TalkSoFar } from "./handed-over.ts";
import type { ProcessGroup } from "./journal.ts";
import type { KernelSpawn } from "./kernel-spawn-process.ts";
import type { CapturedOutput, ProcessExit, StopReason } from "./outcome.ts";
import { type CapturedSoFar, type OnOutput, OutputCapture } from "./output-capture.ts";
import { bootId } from "./proc-fs.ts";
import type { Scope, Scopes } from "./scopes-process.ts";
import { type ProcessIds, type StartedProcess, startProcess } from "./started-process.ts";

/** Bytes of one line from a script; results are cut at 16 MiB, and JSON may need more room than that. */
const maxReportLineBytes = 24 * 1024 * 1024;
/** Lines of a script that may be in work, and bytes of answers that it may leave unread. */
const mostOpenLines = 64;
const mostUnreadBytes = 1024 * 1024;
/** How long output may still arrive after the program has ended: a child it left behind may hold the pipe. */
const drainMs = 2_000;

/** The open way to a running script: messages in on descriptor 3, out on descriptor 4, one JSON text a line. */
export interface ScriptChannel {
  /** Receives each line; answers go back through `reply`. Resolves once the line is dealt with; never rejects. */
  onLine(line: string, reply: (line: string) => void): Promise<void> | void;
  /** A line was longer than any result may be. */
  onOversize(bytes: number): void;
  /** For the channel of the next agent. */
  soFar(): TalkSoFar;
}

export interface GatedProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What opens the gate: on standard input, or on descriptor 3 when there is a channel. Never in arguments. */
  readonly gate: string;
  readonly channel?: ScriptChannel;
  /** Another user to run as; left out, the agent's own. */
  readonly ids?: ProcessIds;
}

/** How programs are run here, the same for all of them. */
export interface GatedSettings {
  /** Time between SIGTERM and SIGKILL. */
  readonly termGraceMs: number;
  /** Bytes kept of each of standard output and standard error. */
  readonly outputCapBytes: number;
  /** How processes are started; `null`: as Node does. */
  readonly kernelSpawn: KernelSpawn | null;
  /** Where each program gets a cgroup of its own; `null`: they stay in the agent's. */
  readonly scopes?: Scopes | null;
}

export interface GatedContext {
  readonly stop: AbortSignal;
  readonly started: (group: ProcessGroup, canBeHandedOver: boolean) => Promise<void>;
  readonly onOutput: OnOutput;
  /** Aborted when the agent makes room for the next one: then a program that can be handed over rejects with `HandedOver`. */
  readonly handOver?: AbortSignal;
}

export interface GatedRun {
  readonly exit: ProcessExit;
  readonly output: CapturedOutput;
}

/** Resolves when the program has ended and its output is in. Throws ACTION_START when it cannot be started. */
export async function runGated(
  program: GatedProgram,
  settings: GatedSettings,
  context: GatedContext,
): Promise<GatedRun> {
  const execution = program.env[executionVariable] ?? "";
  const scope = settings.scopes?.open(execution) ?? null;
  try {
    const { child, group } = await startChild(program, settings.kernelSpawn, scope);
    const gate = child.stdio[program.channel === undefined ? 0 : 3] as Writable;
    // A program that ends without reading breaks the pipe; its exit says all there is to say.
    gate.on("error", () => {});
    const capture = captureOutput(child, settings, context.onOutput);
    const reported = program.channel === undefined ? null : listen(child, gate, program.channel);
    const followed = { child, group, execution, capture, reported };
    try {
      await Promise.all([
        context.started(group, child.handOver !== undefined),
        child.inScope === true ? null : scope?.take(child.pid),
      ]);
    } catch (error) {
      await endGroup(group.pgid, { graceMs: 0 });
      closePipes(child);
      throw error;
    }
    const { promise: opened, resolve: isOpen } = Promise.withResolvers<void>();
    return await follow({ ...followed, opened }, settings, context, () => {
      if (program.channel === undefined) gate.end(program.gate, isOpen);
      else gate.write(program.gate, () => isOpen());
    });
  } finally {
    scope?.ended();
  }
}

/** As `runGated`, of a program that the agent before this one has handed over; `child` as `adoptHanded` has taken it. */
export async function followHanded(
  handed: HandedProcess,
  child: StartedProcess,
  execution: string,
  settings: GatedSettings,
  context: GatedContext,
  channel: ScriptChannel | null = null,
): Promise<GatedRun> {
  const { group, stdout, stderr, channel: before } = handed;
  const capture = captureOutput(child, settings, context.onOutput, { stdout, stderr });
  const replies = child.stdio[3] as Writable | null;
  const reported = channel === null ? null : listen(child, replies, channel, before);
  replies?.on("error", () => {});
  await context.started(group, child.handOver !== undefined);
  const scope = settings.scopes?.open(execution) ?? null;
  try {
    const followed = { child, group, execution, capture, reported, opened: Promise.resolve() };
    return await follow(followed, settings, context, () => {});
  } finally {
    scope?.ended();
  }
}

interface Followed {
  readonly child: StartedProcess;
  readonly group: ProcessGroup;
  readonly execution: string;
  readonly capture: ReturnType<typeof captureOutput>;
  /** `null`: it has no channel. */
  readonly reported: Listening | null;
  /** It has all that it waits for at its gate. */
  readonly opened: Promise<void>;
}

async function follow(
  { child, group, execution, capture, reported, opened }: Followed,
  settings: GatedSettings,
  context: GatedContext,
  open: () => void,
): Promise<GatedRun> {
  let stopped: StopReason | null = null;
  let gone = Promise.resolve(true);
  const onStop = () => {
    if (child.hasEnded()) return;
    stopped = context.stop.reason as StopReason;
    gone = endFamily(group, execution, { graceMs: settings.termGraceMs });
  };
  context.stop.addEventListener("abort", onStop, { once: true });
  if (context.stop.aborted) onStop();
  else open();

  const isAsked = opened.then(() => whenAborted(context.handOver)).then(() => reported?.quiet() ?? null);
  const end = await Promise.race([child.ended, isAsked]);
  context.stop.removeEventListener("abort", onStop);
  if (end === null && stopped === null && child.handOver !== undefined && !child.hasEnded()) {
    const captured = capture.letGo();
    const channel = reported?.letGo();
    throw new HandedOver({ group, fds: child.handOver(), ...captured, ...(channel && { channel }) });
  }
  const [code, signal] = end ?? (await child.ended);
  const named = signal === null ? null : { name: signal, number: constants.signals[signal] };
  const groupGone = await gone;
  await Promise.race([Promise.all([capture.closed, reported?.closed]), sleep(drainMs, null, { ref: false })]);
  closePipes(child);
  return { exit: { code, signal: named, stopped, gone: groupGone }, output: capture.end() };
}

const never = new Promise<null>(() => {});

function whenAborted(signal: AbortSignal | undefined): Promise<null> {
  if (signal === undefined) return never;
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}

/** Starts it as leader of a new session, out of reach of a terminal's Ctrl-C, and names its group. */
async function startChild(
  { command, args, cwd, env, channel, ids }: GatedProgram,
  kernel: KernelSpawn | null,
  scope: Scope | null,
): Promise<{ child: StartedProcess; group: ProcessGroup }> {
  if ([command, ...args, cwd, ...Object.values(env)].some((text) => text.includes("\0")))
    throw new PetrelError("PARAMETER_INVALID", "a NUL character cannot be given to a program", {
      where: command,
    });
  // spawn(2) would blame the program for a missing working directory.
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory())
    throw new PetrelError("ACTION_START", `the working directory '${cwd}' does not exist`, {
      hint: "give `cwd` as the path of a folder on the agent's host",
    });
  const stdio: readonly ("socket" | "ignore")[] =
    channel === undefined
      ? ["socket", "socket", "socket"]
      : ["ignore", "socket", "socket", "socket", "socket"];
  try {
    const place = scope === null ? {} : { scopeFd: scope.fd };
    const start = { command, args, cwd, env, stdio, ...(ids && { ids }), ...place };
    const { child, startTicks } = await startProcess(start, kernel);
    scope?.started();
    return { child, group: { pgid: child.pid, start_ticks: startTicks, boot_id: bootId() } };
  } catch (error) {
    throw new PetrelError("ACTION_START", `'${command}' cannot be started: ${(error as Error).message}`, {
      cause: error,
      where: command,
      ...((error as NodeJS.ErrnoException).code === "EACCES" && {
        hint: `let the user it runs as enter '${cwd}' and run the program`,
      }),
    });
  }
}

function captureOutput(
  child: StartedProcess,
  { outputCapBytes }: GatedSettings,
  onOutput: OnOutput,
  before: { readonly stdout: CapturedSoFar; readonly stderr: CapturedSoFar } | null = null,
) {
  const follow = (stream: Readable | null, name: "stdout" | "stderr") => {
    const pass = (offset: number, text: string) => onOutput(name, offset, text);
    const capture = new OutputCapture(outputCapBytes, pass, before?.[name] ?? null);
    // It was closed when its program was handed over.
    if (stream === null) return { capture, letGo: () => capture.soFar(), closed: Promise.resolve() };
    stream.on("data", (chunk: Uint8Array) => capture.write(chunk));
    stream.on("error", () => {});
    const letGo = (): CapturedSoFar => {
      stream.removeAllListeners("data");
      stream.pause();
      // Read by Node, and not passed on yet.
      for (const rest of restOf(stream)) capture.write(rest);
      return capture.soFar();
    };
    return { capture, letGo, closed: new Promise<void>((resolve) => stream.once("close", () => resolve())) };
  };
  const stdout = follow(child.stdio[1] ?? null, "stdout");
  const stderr = follow(child.stdio[2] ?? null, "stderr");
  return {
    closed: Promise.all([stdout.closed, stderr.closed]),
    end: (): CapturedOutput => ({ stdout: stdout.capture.end(), stderr: stderr.capture.end() }),
    letGo: () => ({ stdout: stdout.letGo(), stderr: stderr.letGo() }),
  };
}

function restOf(stream: Readable): readonly Uint8Array[] {
  const rest: Uint8Array[] = [];
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) rest.push(chunk as Uint8Array);
  return rest;
}

/** A channel that is listened to. */
interface Listening {
  /** Resolves when the script has closed its side. */
  readonly closed: Promise<void>;
  /** Takes nothing more, until the script ends; resolves with `null` once all it has asked is answered. */
  quiet(): Promise<null>;
  /** After `quiet`. */
  letGo(): NonNullable<HandedProcess["channel"]>;
}

/**
 * A script that asks faster than it is answered, or does not read the answers, waits on its own pipe; once it has ended,
 * what it left there is read to the end. `replies` and its reports may have been closed before it was handed over.
 */
function listen(
  child: StartedProcess,
  replies: Writable | null,
  channel: ScriptChannel,
  before?: HandedProcess["channel"],
): Listening {
  const reports = child.stdio[4] as Readable | null;
  const cutter = new LineCutter(maxReportLineBytes);
  if (before !== undefined) cutter.resume(before.line);
  let open = 0;
  let hasEnded = false;
  let whenQuiet: (() => void) | null = null;
  const unread = () => replies?.writableLength ?? 0;
  const adjust = () => {
    if (!hasEnded && (whenQuiet !== null || open >= mostOpenLines || unread() > mostUnreadBytes))
      reports?.pause();
    else reports?.resume();
    if (open === 0 && (unread() === 0 || replies?.destroyed === true)) whenQuiet?.();
  };
  // Each answer that was written may be the last one.
  const reply = (answer: string) => replies?.writable && replies.write(`${answer}\n`, adjust);
  const settled = () => {
    open--;
    adjust();
  };
  const take = (chunk: Uint8Array) => {
    for (const line of cutter.push(chunk)) {
      const dealtWith =
        line.kind === "dropped" ? channel.onOversize(line.bytes) : channel.onLine(line.text, reply);
      if (dealtWith === undefined) continue;
      open++;
      dealtWith.then(settled, settled);
    }
    adjust();
  };
  if (before !== undefined) take(Buffer.from(before.unread, "base64"));
  reports?.on("data", take);
  replies?.on("drain", adjust);
  void child.ended.then(() => {
    hasEnded = true;
    adjust();
  });
  reports?.on("error", () => {});
  return {
    closed: new Promise((resolve) => (reports === null ? resolve() : reports.once("close", () => resolve()))),
    quiet: () =>
      new Promise((resolve) => {
        whenQuiet = () => resolve(null);
        adjust();
      }),
    letGo: () => {
      reports?.removeListener("data", take);
      // Read by Node, and not looked at yet: there may be questions in it.
      const unread = Buffer.concat(reports === null ? [] : restOf(reports)).toString("base64");
      return { talk: channel.soFar(), line: cutter.soFar(), unread };
    },
  };
}

/** Descriptors are a process's scarcest thing: none stays open for a child that somebody left behind. */
export function closePipes(child: StartedProcess): void {
  for (const pipe of child.stdio) pipe?.destroy();
}
