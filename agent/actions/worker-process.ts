/** The worker: carries executions out, from the journal's request to the result on disk. */
import { type Backoff, backoffMs } from "../../shared/backoff.ts";
import { openBlob } from "../../shared/blobs/sealed-blob.ts";
import type { Clock } from "../../shared/clock.ts";
import { timestamp } from "../../shared/clock.ts";
import { errorReport } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { BlobRef } from "../../shared/model/execution.ts";
import { systemRandom } from "../../shared/system-process.ts";
import type { Timers } from "../../shared/timers.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";
import type { ActionPoint } from "../kill-points.ts";
import type { Datastore } from "../sensors/datastore.ts";
import { expiredOutcome, type HostRefuses, isExpired, refusedOutcome } from "./admit.ts";
import type { Component } from "./component.ts";
import { EarlyOutput } from "./early-output.ts";
import { signalGroup } from "./group-process.ts";
import { type HandedExecution, HandedOver } from "./handed-over.ts";
import type { JournalStore } from "./journal-store.ts";
import { brokenOutcome, type RunOutcome, unstartedOutcome } from "./outcome.ts";
import type { OnOutput } from "./output-capture.ts";
import { type ResultBlobs, resultRecord } from "./result.ts";
import { Run, unlessStopped } from "./run.ts";
import type { PackSource, RunContext, Runner } from "./runners/runner.ts";
import { type Adopting, takeUp } from "./take-up-process.ts";
import { isVain, passes, StartUnwritten } from "./trouble.ts";

export interface WorkerOptions {
  readonly journal: JournalStore;
  readonly runners: ReadonlyMap<string, Runner>;
  readonly packs: PackSource;
  /** Asked once more as a request's turn comes: the host may have changed its mind. */
  readonly hostRefuses?: HostRefuses | undefined;
  readonly datastore: Datastore;
  readonly blobs: ResultBlobs;
  /** Parameters that were too large for an entry; fetched from the hub if need be. */
  readonly fetchBlob: (ref: BlobRef, signal: AbortSignal) => Promise<Uint8Array>;
  readonly onOutput: (execution: string, ...piece: Parameters<OnOutput>) => void;
  readonly clock: Clock;
  /** Milliseconds since the epoch by the hub's clock. */
  readonly hubNow: () => number;
  readonly timers: Timers;
  readonly jitter: () => number;
  /** How long a stopping agent lets running actions go on. */
  readonly drainMs: number;
  readonly passPoint: (point: ActionPoint) => void;
  /** What takes up processes of the agent before; left out or `null`: they are ended. */
  readonly kernelSpawn?: Adopting;
  readonly log: Logger;
}

/** While the disk refuses: neither a start nor a result is given up for that. */
const diskBackoff: Backoff = { firstMs: 200, mostMs: 10_000 };

/**
 * Milliseconds that one agent waits, at most, for actions that cannot be handed over to the next: whoever upgrades waits for
 * that one to be well.
 */
const mostHandOverMs = 60_000;

/** Milliseconds that a script has to take the answers to what it has asked, before it is handed over. */
const letGoMs = 5_000;

export class Worker implements Component {
  readonly name = "worker";
  readonly #options: WorkerOptions;
  readonly #runs = new Map<string, Run>();
  readonly #settling = new Set<Promise<void>>();
  readonly #output: EarlyOutput;
  readonly #handed: HandedExecution[] = [];
  #handOver = new AbortController();
  /** What can go on without this program is let go of, once nothing else is left. */
  #handsOver = false;
  #whenFewer: (() => void)[] = [];
  #stopping = false;
  /** By the clock that never goes back; `null` before the first stop. */
  #drainUntil: number | null = null;
  /** Nobody waits for running actions any more. */
  #drained = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#output = new EarlyOutput(options.timers, options.onOutput);
  }

  start(): void {
    this.#stopping = false;
  }

  /**
   * Lets running actions go on for `drainMs`, then ends their processes and settles them as abandoned, on disk.
   * What has not started stays in the journal for the next start of the agent. What is handed over is let go of last of
   * all: until then it is read, timed out and canceled as ever.
   */
  async stop(): Promise<void> {
    const { timers, clock, drainMs } = this.#options;
    this.#stopping = true;
    for (const run of this.#runs.values()) if (!run.isStarted) run.end({ kind: "shutdown" });
    this.#drainUntil ??= clock.monotonic() + drainMs;
    const leftMs = this.#drained ? 0 : Math.max(0, this.#drainUntil - clock.monotonic());
    const waitMs = this.#handsOver ? Math.min(leftMs, mostHandOverMs) : leftMs;
    const cancelDrain = timers.after(waitMs, () => this.hurry());
    await this.#until(() => this.#waitedFor().length === 0);
    if (this.#handsOver) this.#handOver.abort();
    // One that takes no answer can be let go of at no moment, and must not cost the others theirs.
    const cancelLetGo = timers.after(letGoMs, () => {
      if (this.#handsOver) for (const run of this.#runs.values()) run.end({ kind: "shutdown" });
    });
    await this.#until(() => this.#runs.size === 0);
    cancelLetGo();
    cancelDrain();
    await Promise.allSettled(this.#settling);
  }

  /** A worker that stops, now or later, lets running actions go on no longer. */
  hurry(): void {
    this.#drained = true;
    if (this.#stopping) for (const run of this.#waitedFor()) run.end({ kind: "shutdown" });
  }

  /** Before `stop`: running actions that can go on without this program are let go of; `handed` has them then. */
  handOver(): void {
    this.#handsOver = true;
  }

  /** While it stops: there is no next agent. What is not let go of yet is waited for, or ended, as at any end. */
  withdrawHandOver(): void {
    this.#handsOver = false;
    if (this.#drained) this.hurry();
  }

  get isBusy(): boolean {
    return this.#runs.size > 0;
  }

  get handed(): readonly HandedExecution[] {
    return this.#handed;
  }

  /** After `stop`: the next agent cannot have them, so they have what is left of `drainMs` here. */
  async takeBack(): Promise<void> {
    this.#handsOver = false;
    this.#handOver = new AbortController();
    this.#stopping = false;
    const runs = this.#handed.splice(0).map((each) => this.run(each.execution, each));
    await this.stop();
    await Promise.all(runs);
  }

  /** Running actions whose end a stop waits for. */
  #waitedFor(): readonly Run[] {
    return [...this.#runs.values()].filter((run) => !this.#handsOver || !run.canBeHandedOver);
  }

  /** Resolves when it holds; looked at whenever a run has ended. */
  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#whenFewer.push(resolve));
  }

  /** The whole life of one execution here. Resolves when it is settled, or left for the next start. */
  async run(execution: string, handed: HandedExecution | null = null): Promise<void> {
    const { timers, clock } = this.#options;
    const run = new Run({ execution, timers, monotonic: () => clock.monotonic() });
    // Its start is on disk, by the agent before this one.
    run.isStarted = handed !== null;
    this.#runs.set(execution, run);
    try {
      if (this.#stopping) run.end({ kind: "shutdown" });
      // Canceled while it waited: the wish is in the journal.
      const cancel = this.#options.journal.cancelOf(execution);
      if (cancel !== null) run.end({ kind: "cancel", reason: cancel.reason });
      const outcome = await this.#carryOut(run, handed);
      if (outcome !== null) await this.settle(execution, outcome, run.startedAt);
    } finally {
      this.#runs.delete(execution);
      this.#output.ended(execution);
      for (const resolve of this.#whenFewer.splice(0)) resolve();
    }
  }

  /** True while it is being carried out or settled. */
  has(execution: string): boolean {
    return this.#runs.has(execution);
  }

  /** False when it does not run here. */
  cancel(execution: string, reason: string): boolean {
    const run = this.#runs.get(execution);
    run?.end({ kind: "cancel", reason });
    return run !== undefined;
  }

  /** SIGSTOP of the whole group; its time stands still. False when it does not run, or its runner cannot. */
  pause(execution: string): boolean {
    return this.#suspend(execution, true);
  }

  resume(execution: string): boolean {
    return this.#suspend(execution, false);
  }

  #suspend(execution: string, pause: boolean): boolean {
    const run = this.#runs.get(execution);
    if (run?.group == null || run.runner?.mayPause !== true || run.stop.aborted) return false;
    if (run.isPaused === pause || !signalGroup(run.group.pgid, pause ? "SIGSTOP" : "SIGCONT")) return false;
    run.isPaused = pause;
    if (pause) run.pauseClock();
    else run.resumeClock();
    const status = pause ? "paused" : "running";
    this.#options.journal.announce(execution, { status }).catch((error) => {
      this.#options.log.warn("a pause or resume could not be announced", { execution, status, error });
    });
    return true;
  }

  /** `null`: it has not started and shall stay as it is. */
  async #carryOut(run: Run, handed: HandedExecution | null): Promise<RunOutcome | null> {
    if (handed !== null) return this.#takeUp(run, handed);
    for (let attempt = 0; ; attempt++) {
      const stopped = run.stopReason;
      if (stopped?.kind === "shutdown") return null;
      if (stopped !== null) return unstartedOutcome(stopped);
      try {
        return await this.#attempt(run);
      } catch (error) {
        if (error instanceof HandedOver) return this.#letGo(run, error);
        if (!run.isStarted && run.stop.aborted) continue;
        if (run.isStarted || !passes(error)) {
          const { code, message, where, fix } = errorReport(error);
          return brokenOutcome(code, message, where, fix);
        }
        this.#options.log.warn("an action waits for the disk or the hub", {
          execution: run.execution,
          error,
        });
        await this.#wait(attempt, run.stop);
      }
    }
  }

  async #attempt(run: Run): Promise<RunOutcome> {
    const { journal, runners, hubNow, passPoint } = this.#options;
    const { execution } = run;
    const stored = await journal.request(execution);
    if (isExpired(stored, hubNow())) return expiredOutcome(stored);
    const refused = this.#options.hostRefuses?.(stored) ?? null;
    if (refused !== null) return refusedOutcome(refused);
    const request = await unlessStopped(this.#withParameters(stored, run.stop), run.stop);
    if (isExpired(request, hubNow())) return expiredOutcome(request);
    const runner = runners.get(request.runner);
    if (runner === undefined)
      return brokenOutcome("RUNNER_UNKNOWN", `this agent has no runner '${request.runner}'`);
    run.runner = runner;
    try {
      return await runner.run(
        request,
        this.#context(run, request, async (group, canBeHandedOver = false) => {
          if (run.stop.aborted) throw new StartUnwritten("the run was ended before its start");
          // Packs and virtualenvs may have taken minutes to come.
          const refused = this.#options.hostRefuses?.(stored) ?? null;
          if (refused !== null) throw refused;
          // From before the write on: once it may be on disk, a stopping agent has to let the action run.
          run.isStarted = true;
          if (runner.isInstant === true) {
            run.startedAt = timestamp(this.#options.clock.now());
            return;
          }
          try {
            await journal.started(execution, group);
          } catch (cause) {
            run.isStarted = false;
            throw new StartUnwritten("the start could not be written", { cause });
          }
          run.group = group;
          run.canBeHandedOver = canBeHandedOver;
          passPoint("after-started");
          run.startClock(request.timeout);
        }),
      );
    } finally {
      run.stopClock();
      run.group = null;
    }
  }

  #context(run: Run, request: ActionRequestEntry, started: RunContext["started"]): RunContext {
    const { packs, datastore, log } = this.#options;
    const { execution } = run;
    return {
      stop: run.stop,
      handOver: this.#handOver.signal,
      started,
      onOutput: (...piece) => this.#output.write(execution, ...piece),
      packs: {
        ensurePack: (ref, digest) => unlessStopped(packs.ensurePack(ref, digest), run.stop),
        packConfig: (ref, digest) => unlessStopped(packs.packConfig(ref, digest), run.stop),
      },
      datastore: (owner, call) => datastore(owner, call, execution),
      log: log.child({ execution, action: request.action }),
    };
  }

  /** It stays in the journal as started; the next agent goes on with it. */
  #letGo(run: Run, { process }: HandedOver): null {
    const { execution, isPaused } = run;
    this.#handed.push({ execution, process, remaining_ms: run.remainingMs, paused: isPaused });
    return null;
  }

  async #takeUp(run: Run, handed: HandedExecution): Promise<RunOutcome | null> {
    const { journal, runners, kernelSpawn = null } = this.#options;
    try {
      return await takeUp(handed, kernelSpawn, async () => {
        const request = await journal.request(run.execution);
        const runner = runners.get(request.runner);
        run.runner = runner ?? null;
        const context = this.#context(run, request, async (group, canBeHandedOver = false) => {
          run.group = group;
          run.canBeHandedOver = canBeHandedOver;
          run.isPaused = handed.paused;
          run.startClock(request.timeout, handed.remaining_ms);
          if (handed.paused) run.pauseClock();
        });
        return { request, runner, context };
      });
    } catch (error) {
      if (error instanceof HandedOver) return this.#letGo(run, error);
      throw error;
    } finally {
      run.stopClock();
      run.group = null;
    }
  }

  async #withParameters(request: ActionRequestEntry, stop: AbortSignal): Promise<ActionRequestEntry> {
    if (request.parameters_blob === undefined) return request;
    const bytes = await this.#options.fetchBlob(request.parameters_blob, stop);
    const { parameters_key: key } = request;
    const content = key === undefined ? bytes : openBlob(bytes, key);
    const parameters = JSON.parse(new TextDecoder().decode(content)) as JsonObject;
    return { ...request, parameters };
  }

  /**
   * Resolves once the outcome is on disk; while the disk refuses it is tried again. With `startedAt` its start is
   * told with it.
   */
  settle(execution: string, outcome: RunOutcome, startedAt: string | null = null): Promise<void> {
    const settled = this.#settle(execution, outcome, startedAt).finally(() => this.#settling.delete(settled));
    this.#settling.add(settled);
    return settled;
  }

  async #settle(execution: string, outcome: RunOutcome, startedAt: string | null): Promise<void> {
    const { journal, passPoint, log } = this.#options;
    const endedAt = timestamp(this.#options.clock.now());
    passPoint("before-result");
    let last = outcome;
    for (let attempt = 0; ; attempt++) {
      try {
        const known = startedAt ?? journal.startedAt(execution);
        const isSecret = journal.hasSecretResult(execution);
        const random = isSecret ? systemRandom : null;
        const result = await resultRecord(last, this.#options.blobs, { startedAt: known, endedAt, random });
        await journal.settle(execution, result);
        break;
      } catch (error) {
        log.error("a result could not be stored and is tried again", { execution, attempt, error });
        // Not the disk's fault: this result can be written never, and an execution without one would run for ever.
        if (isVain(error)) {
          const { code, message } = errorReport(error);
          last = brokenOutcome(code, `the result cannot be stored: ${message}`);
        }
        // A stopping agent cannot wait for ever. The journal still says that it started, which is true.
        if (this.#stopping && attempt >= 3) return;
        await this.#wait(attempt, null);
      }
    }
    passPoint("after-result");
    log.info("execution settled", { execution, status: last.status, reason: last.reason });
    journal.pruneIfOver(log);
  }

  #wait(attempt: number, stop: AbortSignal | null): Promise<void> {
    const { timers, jitter } = this.#options;
    return new Promise((resolve) => {
      const cancel = timers.after(backoffMs(diskBackoff, attempt, jitter()), resolve);
      stop?.addEventListener(
        "abort",
        () => {
          cancel();
          resolve();
        },
        { once: true },
      );
    });
  }
}
