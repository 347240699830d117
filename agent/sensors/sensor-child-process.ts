/** Starts and ends the process of a sensor, and carries lines to and from it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { type ErrorCode, PetrelError } from "../../shared/errors.ts";
import { signalGroup } from "../actions/group-process.ts";
import type { ProcessGroup } from "../actions/journal.ts";
import { giveUsualOomScore } from "../actions/oom-score-process.ts";
import { bootId, statOf } from "../actions/proc-fs.ts";
import { LineCutter } from "./lines.ts";
import type { ChildExit, ChildListeners, SensorChild } from "./sensor-life.ts";

export interface SensorProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where the protocol runs: on stdin and stdout, or both ways on descriptor 3. */
  readonly channel: "stdio" | "descriptor-3";
  /** The code for a command that does not exist. */
  readonly missing: ErrorCode;
}

/** Bytes that may wait for the sensor to read them. */
const cloggedBytes = 1024 * 1024;
/** One line of the author's own output. */
const maxOutputLineBytes = 64 * 1024;
/** How long a pipe that brings nothing more may stay open after the process has gone. */
const drainMs = 1_000;

/**
 * Resolves once it runs, not yet read from, as leader of a session of its own: a Ctrl-C at the agent's terminal does not reach it, and
 * whatever it starts can be ended with it. Rejects with `program.missing`, SENSOR_INVALID or SENSOR_EXITED.
 */
export async function startSensorChild(
  program: SensorProgram,
  listeners: ChildListeners,
): Promise<SensorChild & { readonly group: ProcessGroup; discard(): void }> {
  const { command, args, cwd, env, channel } = program;
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: channel === "stdio" ? "pipe" : ["ignore", "pipe", "pipe", "pipe"],
  });
  // Looked up in the same turn: until the loop reaps it, even a process that has ended can be seen.
  const startTicks = child.pid === undefined ? null : (statOf(child.pid)?.startTicks ?? null);
  if (child.pid === undefined || startTicks === null) {
    const [error] = (await once(child, "error").catch((cause: unknown) => [cause])) as [
      NodeJS.ErrnoException,
    ];
    throw startError(program, error);
  }
  giveUsualOomScore(child.pid);
  const group = { pgid: child.pid, start_ticks: startTicks, boot_id: bootId() };
  return new RunningChild(child, channel, listeners, group);
}

/** Short of resources, or the file is still open for writing in a process that was forked meanwhile. */
const temporary: ReadonlySet<string> = new Set(["EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "ETXTBSY"]);

function startError({ command, missing }: SensorProgram, cause: NodeJS.ErrnoException): PetrelError {
  if (cause.code === "ENOENT") {
    const isPython = missing === "PYTHON_MISSING";
    return new PetrelError(missing, `${command} cannot be started: there is no such program`, {
      where: command,
      hint: isPython
        ? "install python3 on this host; it is looked for again from time to time"
        : "look at the file and at its #! line",
      cause,
    });
  }
  const isTemporary = temporary.has(cause.code ?? "");
  return new PetrelError(
    isTemporary ? "SENSOR_EXITED" : "SENSOR_INVALID",
    `${command} cannot be started: ${cause.message}`,
    { where: command, hint: isTemporary ? "it is tried again" : `chmod +x ${command}`, cause },
  );
}

class RunningChild implements SensorChild {
  readonly pid: number;
  readonly group: ProcessGroup;
  readonly ended: Promise<ChildExit>;
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #lines: Readable;
  #isReading = false;
  #lastReadAt = 0;
  #hasEnded = false;

  constructor(
    child: ChildProcess,
    channel: SensorProgram["channel"],
    listeners: ChildListeners,
    group: ProcessGroup,
  ) {
    this.pid = group.pgid;
    this.group = group;
    this.#child = child;
    const both = child.stdio[3] as (Readable & Writable) | undefined;
    const stdout = child.stdout as Readable;
    this.#input = channel === "stdio" ? (child.stdin as Writable) : (both as Writable);
    this.#lines = channel === "stdio" ? stdout : (both as Readable);
    // A process that ends without reading breaks the pipe; its exit says all there is to say.
    this.#input.on("error", () => {});
    this.#input.on("drain", () => listeners.onDrain());
    const closed = [
      this.#follow(this.#lines, new LineCutter(), (line) => listeners.onLine(line), listeners),
      this.#print(child.stderr as Readable, listeners),
      ...(channel === "stdio" ? [] : [this.#print(stdout, listeners)]),
    ];
    // What it says at once must find somebody who can answer.
    this.#lines.pause();
    this.ended = this.#end(Promise.all(closed));
  }

  /** Lets go of the pipes of a process that nobody will listen to. */
  discard(): void {
    this.#destroyPipes();
  }

  get isClogged(): boolean {
    return this.#input.writableLength > cloggedBytes;
  }

  send(text: string): void {
    if (this.#input.writable && !this.#hasEnded) this.#input.write(text);
  }

  setReading(isReading: boolean): void {
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    if (isReading) this.#lines.resume();
    else this.#lines.pause();
  }

  stop(stopLine: string, graceMs: number, killMs: number): void {
    this.send(stopLine);
    const signals: readonly [number, NodeJS.Signals][] = [
      [graceMs, "SIGTERM"],
      [graceMs + killMs, "SIGKILL"],
    ];
    const timers = signals.map(([afterMs, signal]) =>
      setTimeout(() => {
        signalGroup(this.pid, signal);
        // A stopped process takes SIGTERM only when it continues.
        signalGroup(this.pid, "SIGCONT");
      }, afterMs),
    );
    const settle = () => timers.forEach(clearTimeout);
    this.#child.once("exit", settle);
    if (this.#hasEnded) settle();
  }

  #print(stream: Readable, listeners: ChildListeners): Promise<void> {
    return this.#follow(
      stream,
      new LineCutter(maxOutputLineBytes),
      (line) => listeners.onOutput(line),
      listeners,
    );
  }

  /** Resolves when the stream is over and its last line was told. */
  #follow(
    stream: Readable,
    cutter: LineCutter,
    tell: ChildListeners["onLine"],
    listeners: ChildListeners,
  ): Promise<void> {
    stream.on("data", (chunk: Uint8Array) => {
      this.#lastReadAt = performance.now();
      for (const line of cutter.push(chunk)) tell(line);
    });
    stream.on("error", () => {});
    return new Promise((resolve) => {
      stream.once("close", () => {
        const rest = cutter.end();
        // Cut short by its end, so no message, whatever it looks like.
        if (rest !== null) listeners.onOutput(rest);
        resolve();
      });
    });
  }

  async #end(closed: Promise<unknown>): Promise<ChildExit> {
    const [code, signal] = (await once(this.#child, "exit")) as [number | null, string | null];
    this.#hasEnded = true;
    // What the sensor started and left behind would pile up with each restart.
    signalGroup(this.pid, "SIGKILL");
    this.#lastReadAt = performance.now();
    const watch = setInterval(() => {
      // A reading that is held back is not over; one that brings nothing is held open by a stranger.
      if (this.#isReading && performance.now() - this.#lastReadAt > drainMs) this.#destroyPipes();
    }, drainMs / 4);
    await closed;
    clearInterval(watch);
    this.#destroyPipes();
    return { code, signal };
  }

  #destroyPipes(): void {
    for (const pipe of this.#child.stdio) pipe?.destroy();
  }
}
