/** Keeps one sensor alive: one process after the other, with growing pauses, until it is stopped. */
import { type Clock, timestamp } from "../../shared/clock.ts";
import { errorReport, PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { SensorState } from "../../shared/model/agent.ts";
import type { Timers } from "../../shared/timers.ts";
import { endGroup } from "../actions/group-process.ts";
import type { Datastore } from "./datastore.ts";
import { type DesiredSensor, runsAlike, type SensorAssignment } from "./desired-sensor.ts";
import type { DispatchStore } from "./dispatch-store.ts";
import type { SensorPlace } from "./launch-fs.ts";
import { pause } from "./pause.ts";
import type { ProvenStore } from "./proven-store.ts";
import { Rollback } from "./rollback.ts";
import { type Ending, nextStart, retryDelay, type Schedule } from "./schedule.ts";
import { type SensorProgram, startSensorChild } from "./sensor-child-process.ts";
import type { SensorGroups } from "./sensor-groups-store.ts";
import { type LifeEnd, SensorLife } from "./sensor-life.ts";
import type { SensorStatus } from "./sensor-reports.ts";
import { startMessage } from "./start-message.ts";
import { triggersOf } from "./triggers.ts";

/** What every sensor process of an agent needs. */
export interface SensorProcessOptions {
  readonly dispatches: DispatchStore;
  readonly datastore: Datastore;
  readonly groups: SensorGroups;
  readonly proven: Pick<ProvenStore, "record">;
  /** Finds the program of a sensor; rejects with SENSOR_INVALID, PYTHON_MISSING or PACK_VIRTUALENV. */
  readonly launch: (place: SensorPlace) => Promise<SensorProgram>;
  readonly report: (status: SensorStatus, crashes: number) => void;
  readonly schedule: Schedule;
  readonly clock: Clock;
  readonly timers: Timers;
  /** In [0, 1). */
  readonly jitter: () => number;
  readonly log: Logger;
}

/** Codes of errors that trying again soon will not mend. */
const unstartable: ReadonlySet<string> = new Set(["SENSOR_INVALID", "PYTHON_MISSING", "PACK_VIRTUALENV"]);

export class SensorProcess {
  readonly #options: SensorProcessOptions;
  readonly #log: Logger;
  readonly #sensor: string;
  readonly #rollback: Rollback<DesiredSensor>;
  /** What the present process, or the last one, is of. */
  #present: DesiredSensor;
  #status: SensorStatus;
  #crashes = 0;
  #life: SensorLife | null = null;
  /** The folder that the present life was started from. */
  #livesIn: string | null = null;
  #isStopping = false;
  #isReplaced = false;
  #wasReady = false;
  /** What the present life was started with. */
  #command: string | undefined;
  /** Of the life that ended last. */
  #exitCode: number | undefined;
  #cancelRetry: () => void = () => {};
  #wake: () => void = () => {};
  #loop: Promise<void> = Promise.resolve();

  constructor({ proven = null, ...desired }: SensorAssignment, options: SensorProcessOptions) {
    this.#options = options;
    this.#rollback = new Rollback<DesiredSensor>(desired, proven, runsAlike);
    this.#present = desired;
    this.#sensor = desired.definition.ref;
    this.#log = options.log.child({ sensor: this.#sensor });
    this.#status = this.#statusNow("starting", null, 0);
  }

  get status(): SensorStatus {
    return this.#status;
  }

  /** Folders that code still runs from. */
  get folders(): readonly string[] {
    const { assigned, proven } = this.#rollback;
    const folders = [assigned.packFolder, proven?.packFolder ?? null, this.#livesIn];
    return folders.filter((folder) => folder !== null);
  }

  /** Rejects with the sensor's error, ASK_TIMEOUT, SENSOR_BUSY or SENSOR_NOT_RUNNING. */
  async ask(question: string, args: JsonObject, withinMs: number): Promise<Json> {
    const life = this.#life;
    if (life === null) {
      const { state, last_error: error } = this.#status;
      const why = error === null ? "" : `: ${error.slice(0, 1_024)}`;
      throw new PetrelError("SENSOR_NOT_RUNNING", `sensor ${this.#sensor} is ${state}${why}`);
    }
    return life.ask(question, args, withinMs);
  }

  /** Starts, and from then on starts again, after `before` has settled. Call once. */
  begin(before: Promise<unknown> = Promise.resolve()): void {
    this.#loop = before.then(() => this.#run());
  }

  /**
   * The next life is of `desired`. Unless the present one does as well, or it was found that nothing can be started as
   * `desired` says, it begins as soon as the present one has ended. Returns whether it does.
   */
  replace(desired: DesiredSensor): boolean {
    this.#rollback.assign(desired);
    if (!runsAlike(this.#present, this.#rollback.next)) {
      this.#beginAnew();
      return true;
    }
    // The present life fits the new assignment as it fitted the old one.
    this.#life?.tellTriggers(triggersOf(this.#withRuleTriggers(this.#present)));
    if (this.#rollback.problem === null) this.#cancelRetry();
    if (this.#status.state === "running" && this.#rollback.problem === null) this.#prove(desired);
    const { fingerprint, problem } = this.#status;
    if (fingerprint !== desired.fingerprint || problem !== this.#rollback.problem) this.#tell(this.#status);
    return false;
  }

  /**
   * Ends the process; resolves when it has gone. What it dispatched and is not on disk yet is waited for, at most
   * `patienceMs` long.
   */
  async stop(patienceMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.#isStopping = true;
    this.#endLife();
    this.#wake();
    const giveUp = Number.isFinite(patienceMs)
      ? this.#options.timers.after(patienceMs, () => this.#life?.abandon())
      : () => {};
    await this.#loop;
    giveUp();
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const { ending, error, exitCode } = await this.#liveOnce();
      this.#exitCode = exitCode;
      if (this.#isStopping) break;
      if (this.#isReplaced) this.#crashes = 0;
      else if (this.#wasReady || this.#rollback.failed(this.#present, error) === "rest")
        await this.#rest(ending, error);
      else this.#goBack(error);
      this.#status = { ...this.#status, restarts: this.#status.restarts + 1 };
    }
    this.#become("stopped", this.#status.last_error);
    await this.#options.groups.forget(this.#sensor).catch((error: unknown) => {
      // The row only says where to look; a process that has gone is not found there.
      this.#log.debug("the sensor's process group stays recorded", { error });
    });
  }

  /** What is assigned cannot be started here, so what ran before goes on, and from time to time it is tried again. */
  #goBack(error: string): void {
    this.#crashes = 0;
    this.#status = { ...this.#status, last_error: error };
    this.#log.error("the sensor cannot start as it is assigned; it goes on as it was before", { error });
  }

  #beginAnew(): void {
    this.#isReplaced = true;
    this.#endLife();
    this.#wake();
  }

  async #rest(ending: Ending, error: string): Promise<void> {
    const { schedule, jitter, timers } = this.#options;
    const next = nextStart(schedule, this.#crashes, ending, jitter());
    this.#crashes = next.crashes;
    this.#become(next.state, error);
    this.#log.warn("sensor ended; it will be started again", {
      error,
      crashes: next.crashes,
      restart_in_ms: next.delayMs,
    });
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    if (this.#isStopping || this.#isReplaced) waking.abort();
    await pause(timers, next.delayMs, waking.signal);
  }

  /** Never rejects: whatever goes wrong is the end of this life. */
  async #liveOnce(): Promise<LifeEnd> {
    this.#isReplaced = false;
    this.#wasReady = false;
    this.#present = this.#rollback.next;
    this.#become("starting", this.#status.last_error);
    try {
      return await this.#live();
    } catch (error) {
      const { code, message, fix } = errorReport(error);
      const ending: Ending = unstartable.has(code) ? { kind: "unstartable" } : { kind: "exited", livedMs: 0 };
      return { ending, error: `${code}: ${message}${fix === undefined ? "" : `; ${fix}`}` };
    } finally {
      this.#cancelRetry();
      this.#life = null;
      this.#livesIn = null;
    }
  }

  async #live(): Promise<LifeEnd> {
    const { dispatches, datastore, launch, clock, timers, jitter, schedule } = this.#options;
    const desired = this.#present;
    this.#livesIn = desired.packFolder;
    const program = await launch(desired);
    this.#command = commandText(program);
    const stored = await dispatches.openLife(this.#sensor);
    const life = new SensorLife({
      startChild: (listeners) => this.#startRecorded(program, listeners),
      start: startMessage(this.#withRuleTriggers(desired)),
      dispatches: stored,
      answerValue: (call) => datastore(this.#sensor, call),
      clock,
      timers,
      jitter,
      log: this.#log,
      pause: (delayMs, signal) => pause(timers, delayMs, signal),
      onReady: () => this.#ready(desired),
      saysReady: desired.definition.language !== "executable",
      readyMs: this.#rollback.canGoBackFrom(desired) ? schedule.readyMs : null,
      stopMs: { grace: schedule.graceMs, kill: schedule.killMs },
    });
    this.#life = life;
    // Asked to end while all that was being prepared.
    if (this.#isStopping || this.#isReplaced) this.#endLife();
    return life.run();
  }

  /** Rules want what they want now, of whichever version runs. */
  #withRuleTriggers({ ruleTriggers: _, ...version }: DesiredSensor): DesiredSensor {
    const { ruleTriggers } = this.#rollback.assigned;
    return { ...version, ...(ruleTriggers !== undefined && { ruleTriggers }) };
  }

  #ready(version: DesiredSensor): void {
    this.#wasReady = true;
    this.#prove(version);
    const { schedule, timers, jitter } = this.#options;
    if (this.#rollback.problem !== null) {
      this.#cancelRetry = timers.after(retryDelay(schedule, this.#rollback.failures, jitter()), () => {
        this.#log.info("what the sensor could not be started with is tried again");
        this.#rollback.retry();
        this.#beginAnew();
      });
    }
    this.#become("running", this.#status.last_error);
  }

  #prove(version: DesiredSensor): void {
    const before = this.#rollback.proven;
    this.#rollback.ready(version);
    if (before?.packDigest === version.packDigest && runsAlike(before, version)) return;
    this.#options.proven.record(version).catch((error: unknown) => {
      this.#log.warn("a restart of the agent would not know that the sensor could be started", { error });
    });
  }

  /** Nothing is sent to a process before it is on disk where to look for it. */
  async #startRecorded(...[program, listeners]: Parameters<typeof startSensorChild>) {
    const child = await startSensorChild(program, listeners);
    try {
      await this.#options.groups.record(this.#sensor, child.group);
    } catch (error) {
      await endGroup(child.group.pgid, { graceMs: 0 });
      child.discard();
      throw error;
    }
    return child;
  }

  #endLife(): void {
    const { graceMs, killMs } = this.#options.schedule;
    this.#life?.stop(graceMs, killMs);
  }

  #tell(status: SensorStatus): void {
    // While a life is to be replaced, what it does is still done under the assignment before.
    const { problem, assigned } = this.#rollback;
    const under = this.#isReplaced ? this.#status : { fingerprint: assigned.fingerprint, problem };
    this.#status = { ...status, fingerprint: under.fingerprint, problem: under.problem };
    this.#options.report(this.#status, this.#crashes);
  }

  #become(state: SensorState, error: string | null): void {
    const pid = state === "running" ? (this.#life?.pid ?? null) : null;
    this.#tell(this.#statusNow(state, error, this.#status.restarts, pid));
    if (state === "running" || state === "stopped")
      this.#log.info(`sensor ${state}`, { pid: pid ?? undefined });
  }

  #statusNow(
    state: SensorState,
    error: string | null,
    restarts: number,
    pid: number | null = null,
  ): SensorStatus {
    const since = timestamp(this.#options.clock.now());
    const { assigned, problem } = this.#rollback;
    const { fingerprint } = assigned;
    const exit = state !== "running" && this.#exitCode !== undefined && { exit_code: this.#exitCode };
    const cmd = state === "running" && this.#command !== undefined && { cmd: this.#command };
    const status = { sensor: this.#sensor, state, pid, restarts, last_error: error, since };
    return { ...status, ...cmd, ...exit, fingerprint, problem };
  }
}

/** Of a command line, to be told; only paths stand in it, never anything of the configuration. */
const mostTold = 1_024;
const commandText = ({ command, args }: SensorProgram) =>
  [command, ...args].join(" ").slice(0, mostTold).toWellFormed();
