/** One life of a sensor's process: what it says goes to the intake and the log, until it ends. */
import type { Clock } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import { type DispatchLife, SensorIntake } from "./intake.ts";
import { LineBudget } from "./line-budget.ts";
import type { CutLine } from "./lines.ts";
import { encodeLine } from "./lines.ts";
import type {
  AgentMessage,
  DatastoreMessage,
  ErrorMessage,
  SensorMessage,
  SensorTrigger,
  StartMessage,
} from "./messages.ts";
import { decodeHead, decodeSensorLine } from "./protocol.ts";
import { SensorQuestions } from "./questions.ts";
import type { Ending } from "./schedule.ts";
import { resolved, triggerChanges } from "./triggers.ts";

/** How a process ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A running process and its two streams of lines. */
export interface SensorChild {
  readonly pid: number;
  /** Writes to the protocol's channel; what a dead process does not read is lost. */
  send(text: string): void;
  /** Whether lines of the protocol are read now; the sensor's pipe fills while they are not. */
  setReading(isReading: boolean): void;
  /** True while the sensor does not read what was sent. */
  readonly isClogged: boolean;
  /** Resolves when the process and its group have gone and their last line was told. */
  readonly ended: Promise<ChildExit>;
  /** Sends `stopLine`; after `graceMs` SIGTERM to the group, after `killMs` more SIGKILL. */
  stop(stopLine: string, graceMs: number, killMs: number): void;
}

export interface ChildListeners {
  /** A line of the protocol's channel. */
  onLine(line: CutLine): void;
  /** A line the author printed. */
  onOutput(line: CutLine): void;
  /** The sensor reads again what it is sent. */
  onDrain(): void;
}

export interface LifeOptions {
  readonly startChild: (listeners: ChildListeners) => Promise<SensorChild>;
  readonly start: StartMessage;
  readonly dispatches: DispatchLife;
  readonly answerValue: (call: DatastoreMessage) => Promise<Json>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly pause: (delayMs: number, signal: AbortSignal) => Promise<void>;
  readonly jitter: () => number;
  readonly log: Logger;
  readonly onReady: () => void;
  /** It runs in a runtime of ours, which says when it is set up. */
  readonly saysReady: boolean;
  /** ms of silence after which one that is not ready is ended; `null`: it may take as long as it likes. */
  readonly readyMs: number | null;
  readonly stopMs: { readonly grace: number; readonly kill: number };
}

export interface LifeEnd {
  readonly ending: Ending;
  readonly error: string;
  /** Of its process; absent when there was none, or a signal ended it. */
  readonly exitCode?: number;
}

/** Characters of one line of output, and of the last output told as the reason of an exit. */
const maxShown = 4_096;
const tailLines = 5;

export class SensorLife implements ChildListeners {
  readonly #options: LifeOptions;
  readonly #intake: SensorIntake;
  readonly #budget = new LineBudget();
  readonly #questions: SensorQuestions;
  #child: SensorChild | null = null;
  #readyAt: number | null = null;
  #error: ErrorMessage | null = null;
  #tail: string[] = [];
  #protocolErrors = 0;
  #cancelSilence: () => void = () => {};
  /** What the process has been told of, and what it shall know. */
  #triggers: readonly SensorTrigger[];
  #wantedTriggers: readonly SensorTrigger[];
  /** By ref, also those that have gone: what is on its way may still name them. */
  readonly #knownTriggers = new Map<string, SensorTrigger>();
  #stopping: { readonly graceMs: number; readonly killMs: number } | null = null;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#triggers = options.start.triggers;
    this.#wantedTriggers = this.#triggers;
    for (const trigger of this.#triggers) this.#knownTriggers.set(trigger.ref, trigger);
    const { dispatches: life, answerValue, pause, jitter, log, clock } = options;
    this.#intake = new SensorIntake({
      life,
      answerValue,
      pause,
      jitter,
      log,
      monotonic: () => clock.monotonic(),
      send: (message) => this.#send(message),
      onRoom: () => this.#adjustReading(),
    });
    this.#questions = new SensorQuestions({
      send: (message) => this.#send(message),
      isClogged: () => this.#child?.isClogged === true,
      timers: options.timers,
    });
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Lines that broke the protocol in this life. */
  get protocolErrors(): number {
    return this.#protocolErrors;
  }

  /** Starts the process and lives until it has gone and all it said is settled. Rejects when it cannot start. */
  async run(): Promise<LifeEnd> {
    const { startChild, start, clock } = this.#options;
    if (this.#stopping !== null) return { ending: { kind: "exited", livedMs: 0 }, error: "stopped" };
    const child = await startChild(this);
    this.#child = child;
    child.send(encodeLine(start));
    this.#tellChanges();
    this.#adjustReading();
    this.#stopChild();
    this.#waitForReady();
    const exit = await child.ended;
    this.#cancelSilence();
    this.#questions.close();
    const livedMs = this.#readyAt === null ? 0 : clock.monotonic() - this.#readyAt;
    await this.#intake.settled();
    const unstartable = this.#error?.code === "SENSOR_INVALID";
    return {
      ending: unstartable ? { kind: "unstartable" } : { kind: "exited", livedMs },
      error: this.#describe(exit),
      ...(exit.code !== null && { exitCode: exit.code }),
    };
  }

  /** The sensor's answer. Rejects with its error, ASK_TIMEOUT, SENSOR_BUSY or SENSOR_NOT_RUNNING. */
  async ask(question: string, args: JsonObject, withinMs: number): Promise<Json> {
    if (this.#readyAt === null || this.#stopping !== null) {
      const what = this.#stopping === null ? "is not ready yet" : "is being stopped";
      throw new PetrelError("SENSOR_NOT_RUNNING", `the sensor ${what}`);
    }
    return this.#questions.ask(question, args, withinMs);
  }

  /** Rules want these triggers now; the process is told what has changed, as soon as it has started. */
  tellTriggers(triggers: readonly SensorTrigger[]): void {
    this.#wantedTriggers = triggers;
    this.#tellChanges();
  }

  #tellChanges(): void {
    if (this.#child === null || this.#stopping !== null) return;
    const changes = triggerChanges(this.#triggers, this.#wantedTriggers);
    this.#triggers = this.#wantedTriggers;
    for (const change of changes) {
      this.#knownTriggers.set(change.trigger.ref, change.trigger);
      this.#send(change);
    }
  }

  /** Asks the process to end, and sees to it that it does. */
  stop(graceMs: number, killMs: number): void {
    this.#stopping = { graceMs, killMs };
    this.#stopChild();
  }

  /** Gives up what is not on disk yet. */
  abandon(): void {
    this.#intake.close();
    this.#adjustReading();
  }

  onLine(line: CutLine): void {
    this.#waitForReady();
    if (line.kind === "dropped") {
      this.#refuseLine(`a line of ${line.bytes} bytes; at most 1 MiB is read`, decodeHead(line.head));
      this.#adjustReading();
      return;
    }
    const decoded = line.clean ? decodeSensorLine(line.text) : { kind: "stray" as const };
    if (decoded.kind === "stray") this.onOutput(line);
    else if (decoded.kind === "invalid") this.#refuseLine(decoded.problem, decoded);
    else this.#take(decoded.message, line.bytes);
    this.#adjustReading();
  }

  onOutput(line: CutLine): void {
    this.#waitForReady();
    const text = line.kind === "line" ? line.text.slice(0, maxShown) : `(a line of ${line.bytes} bytes)`;
    this.#tail = [...this.#tail, text].slice(-tailLines);
    this.#logLine("info", text, "output");
  }

  onDrain(): void {
    this.#adjustReading();
  }

  /** It has just said something: its silence begins anew. */
  #waitForReady(): void {
    const { readyMs, saysReady, timers, stopMs } = this.#options;
    this.#cancelSilence();
    if (readyMs === null || !saysReady || this.#readyAt !== null || this.#stopping !== null) return;
    this.#cancelSilence = timers.after(readyMs, () => {
      // It waits for us: on a full disk nothing is accepted.
      if (this.#intake.isBusy || this.#child?.isClogged === true) return this.#waitForReady();
      const message = `it is not ready, and has said nothing for ${readyMs / 1_000} s`;
      this.#error = { op: "error", code: "SENSOR_NOT_READY", message };
      this.#options.log.error("a sensor is given up", { error: message });
      this.stop(stopMs.grace, stopMs.kill);
    });
  }

  #stopChild(): void {
    if (this.#stopping === null) return;
    const { graceMs, killMs } = this.#stopping;
    this.#child?.stop(encodeLine({ op: "stop", grace_seconds: graceMs / 1000 }), graceMs, killMs);
  }

  #take(message: SensorMessage, bytes: number): void {
    switch (message.op) {
      case "log":
        this.#logLine(message.level, message.message.slice(0, maxShown), message.logger ?? "");
        break;
      case "ready":
        this.#ready();
        break;
      case "error":
        this.#error = message;
        this.#options.log.error("sensor error", {
          error: message.message.slice(0, maxShown),
          code: message.code,
          detail: message.detail?.slice(0, maxShown),
        });
        break;
      case "answer":
        this.#questions.take(message);
        break;
      case "dispatch":
        // A program that never says ready shows by its first trigger that it works. One of our runtimes may tell much
        // before it is set up: a watching sensor what changed while nobody watched, and what else did it is yet to see.
        if (!this.#options.saysReady) this.#ready();
        this.#intake.take(resolved(message, this.#knownTriggers), bytes);
        break;
      default:
        this.#intake.take(message, bytes);
    }
  }

  #ready(): void {
    if (this.#readyAt !== null) return;
    this.#readyAt = this.#options.clock.monotonic();
    this.#cancelSilence();
    this.#options.onReady();
  }

  #send(message: AgentMessage): void {
    this.#child?.send(encodeLine(message));
    this.#adjustReading();
  }

  /** A sensor that talks faster than the disk writes, or does not listen, waits on its own pipe. */
  #adjustReading(): void {
    const child = this.#child;
    child?.setReading(!this.#intake.isFull && !child.isClogged);
  }

  /** Whoever waits for what a line was to bring is told that it will not. */
  #refuseLine(problem: string, { op, id, request }: ReturnType<typeof decodeHead>): void {
    this.#breach(problem);
    const message = `${problem} (docs/sensor-protocol.md)`.slice(0, maxShown);
    if (op === "answer") {
      if (request !== null) this.#questions.spoilt(request, message);
      return;
    }
    if (op === "dispatch" && id !== null && id > 0) this.#intake.takeUnusable(id, message);
    if (request !== null) this.#send({ op: "value", request, error: { code: "SENSOR_PROTOCOL", message } });
  }

  #breach(problem: string): void {
    this.#protocolErrors++;
    this.#logLine("warn", `SENSOR_PROTOCOL: ${problem}`.slice(0, maxShown), "protocol");
  }

  #logLine(level: "debug" | "info" | "warn" | "error", text: string, logger: string): void {
    const { passes, skipped } = this.#budget.judge(this.#options.clock.monotonic());
    if (!passes) return;
    if (skipped > 0)
      this.#options.log.warn("sensor writes too much; lines were left out", { lines: skipped });
    this.#options.log[level](text, logger === "" ? {} : { logger });
  }

  #describe({ code, signal }: ChildExit): string {
    if (this.#error !== null)
      return `${this.#error.code ?? "SENSOR_EXITED"}: ${this.#error.message}`.slice(0, 2048);
    const how = signal === null ? `exit code ${code}` : `killed by ${signal}`;
    const said = this.#tail.length === 0 ? "" : `; last output: ${this.#tail.join(" | ")}`;
    return `SENSOR_EXITED: ${how}${said}`.slice(0, 2048);
  }
}
