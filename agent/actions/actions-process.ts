/** The agent's action side as a whole: scheduler and worker, the dispatcher between, the hub's ledger in front. */

import { rm } from "node:fs/promises";
import type { ClassicLevel } from "classic-level";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { MarksStore } from "../../shared/link/marks-store.ts";
import type { Logger } from "../../shared/log.ts";
import type { Committer } from "../../shared/storage/committer-store.ts";
import type { RowSeals } from "../store/row-seals.ts";
import { type Component, startAll, stopAll } from "./component.ts";
import { createDispatcher, type DispatchMessage } from "./dispatcher.ts";
import type { HandedExecution } from "./handed-over.ts";
import { endExecutions, takeHanded, writeHanded } from "./handed-over-process.ts";
import { ActionInbox } from "./inbox-store.ts";
import { queuedRequest } from "./journal.ts";
import { type AppendUp, JournalStore } from "./journal-store.ts";
import type { RunOutcome } from "./outcome.ts";
import type { QueueLimits } from "./queue.ts";
import { recover } from "./recovery-process.ts";
import type { Runner } from "./runners/runner.ts";
import { Scheduler } from "./scheduler.ts";
import { Worker, type WorkerOptions } from "./worker-process.ts";

export interface ActionsOptions extends Omit<WorkerOptions, "journal" | "runners"> {
  readonly level: ClassicLevel<string, string>;
  readonly committer: Committer;
  /** The outbox's. */
  readonly append: AppendUp;
  readonly marks: MarksStore;
  readonly rows: RowSeals;
  readonly newId: () => string;
  readonly runners: readonly Runner[];
  readonly limits: QueueLimits;
  /** Why new requests are refused at present; `null` when they are not. */
  readonly refusing: () => string | null;
  readonly onAssignments: () => void;
  readonly onUpgrade?: () => void;
  /** Requests are taken again after the credit was nothing. */
  readonly onRoom: () => void;
  /** Absolute path of a file for what one agent hands over to the next; left out: nothing is. */
  readonly handedFile?: string;
  readonly log: Logger;
}

/** How often settled executions that are too old are looked for. */
const pruneEveryMs = 3_600_000;

export class Actions {
  readonly inbox: ActionInbox;
  readonly #options: ActionsOptions;
  readonly #journal: JournalStore;
  readonly #scheduler: Scheduler;
  readonly #worker: Worker;
  readonly #components: readonly Component[];
  #cancelPrune = () => {};
  /** The next agent can read what was handed over. */
  #isWritten = false;
  #forgetResume = () => {};

  constructor(options: ActionsOptions) {
    this.#options = options;
    const { level, committer, append, marks, rows, newId, clock, hubNow, passPoint, log } = options;
    const now = () => clock.now();
    const runners = new Map(options.runners.map((runner) => [runner.name, runner]));
    this.#journal = new JournalStore({ level, committer, append, rows, newId, now });
    this.#worker = new Worker({ ...options, journal: this.#journal, runners });
    this.#scheduler = new Scheduler({
      limits: options.limits,
      onRoom: options.onRoom,
      run: (execution) => this.#worker.run(execution),
      log,
    });
    this.#components = [this.#scheduler, this.#worker];
    this.inbox = new ActionInbox({
      level,
      append,
      marks,
      rows,
      newId,
      now,
      hubNow,
      passPoint,
      log,
      journal: this.#journal,
      runners,
      refusing: options.refusing,
      hostRefuses: options.hostRefuses,
      credit: () => this.#scheduler.credit(),
      onAssignments: options.onAssignments,
      onUpgrade: options.onUpgrade ?? (() => {}),
      dispatch: createDispatcher(
        {
          run: ({ request }) => request !== undefined && this.#scheduler.add(request),
          cancel: (message) => this.#cancel(message),
          pause: ({ execution }) => this.#worker.pause(execution),
          resume: ({ execution }) => this.#worker.resume(execution),
        },
        log,
      ),
    });
  }

  /** Names of the runners, for the inventory. */
  get runners(): readonly string[] {
    return this.#options.runners.map(({ name }) => name);
  }

  /**
   * Looks after what the last life left, then takes up work. Resolves when no process of the last life is left; to be
   * awaited before the link is opened.
   */
  async start(): Promise<void> {
    await this.#journal.load();
    const { hubNow, log, committer } = this.#options;
    const settle = (execution: string, outcome: RunOutcome) => {
      this.#worker.settle(execution, outcome).catch((error) => {
        log.error("what a last life left could not be settled", { execution, error });
      });
    };
    const { handedFile } = this.#options;
    const handed: ReadonlyMap<string, HandedExecution> =
      handedFile === undefined ? new Map() : await takeHanded(handedFile, log);
    const waiting = await recover({ journal: this.#journal, hubNow, settle, handed, log });
    for (const [execution, each] of handed) {
      // Beside the queue: it holds its place already, and what it writes has to be read.
      this.#worker.run(execution, each).catch((error) => {
        log.error("a running action could not be settled", { execution, error });
      });
    }
    for (const request of waiting) this.#scheduler.add(request);
    this.#forgetResume = committer.onResume(() => this.#reread());
    await startAll(this.#components, log);
    this.#prune();
  }

  /**
   * Takes no more work, lets running actions end, then ends them, or hands them over. Resolves when all of that is on disk;
   * rejects with the system's error when nothing could be handed over: then all of them have had their time, and ended.
   */
  async stop(): Promise<void> {
    this.#cancelPrune();
    this.#forgetResume();
    this.#scheduler.hold();
    await stopAll(this.#components, this.#options.log);
    const { handedFile, log } = this.#options;
    if (this.#worker.handed.length === 0 || handedFile === undefined) return;
    try {
      writeHanded(handedFile, this.#worker.handed);
      this.#isWritten = true;
    } catch (error) {
      log.error("running actions cannot be handed over, and are waited for", { file: handedFile, error });
      await this.#worker.takeBack();
      throw error;
    }
  }

  /** Before `stop`, and only if the next agent takes the place of this very process: running actions run on where they can. */
  handOver(): void {
    if (this.#options.handedFile !== undefined) this.#worker.handOver();
  }

  /** While it stops: there is no next agent after all. */
  withdrawHandOver(): void {
    this.#worker.withdrawHandOver();
  }

  /** Executions are being carried out, here or by what was taken up. */
  get hasRunning(): boolean {
    return this.#worker.isBusy;
  }

  /** After `stop`: actions run on, and wait for the next agent. */
  get hasHandedOver(): boolean {
    return this.#isWritten;
  }

  /** After `stop`, when no next agent comes: they are ended. Their journal says that they started, which is true. */
  async endHanded(): Promise<void> {
    const { handedFile } = this.#options;
    const { handed } = this.#worker;
    if (handedFile !== undefined) await rm(handedFile, { force: true });
    await endExecutions(handed);
  }

  /** While it stops, or before it will: running actions are ended at once. */
  hurry(): void {
    this.#worker.hurry();
  }

  figures(): { readonly waiting: number; readonly running: number } {
    return this.#scheduler.figures();
  }

  /** Pack versions that executions without a result name: to be kept on disk. */
  pinnedDigests(): ReadonlySet<string> {
    return new Set(this.#journal.openExecutions().map(({ packDigest }) => packDigest));
  }

  /** Answers `execution-status {execution}`: where the journal says it stands. */
  async executionStatus(args: JsonObject): Promise<Json> {
    const execution = String(args.execution ?? "");
    const known = (await this.#journal.earlierIds([execution])).get(execution) ?? execution;
    const state = (await this.#journal.states([known])).get(known) ?? { phase: "unknown" };
    return { execution, ...(state as unknown as JsonObject) };
  }

  /** One that waits is taken out and settled at once; one that runs is ended. */
  #cancel({ execution, reason = "canceled" }: DispatchMessage): boolean {
    if (this.#worker.cancel(execution, reason)) return true;
    if (!this.#scheduler.withdraw(execution)) return false;
    this.#worker.run(execution).catch((error) => {
      this.#options.log.error("a canceled execution could not be settled", { execution, error });
    });
    return true;
  }

  /** What a failed batch held may be on disk nevertheless, and then it is a promise. */
  async #reread(): Promise<void> {
    await this.#journal.load();
    for (const open of this.#journal.openExecutions()) {
      if (!this.#worker.has(open.execution)) this.#scheduler.add(queuedRequest(open));
    }
  }

  #prune(): void {
    this.#journal.prune().catch((error) => {
      this.#options.log.warn("the journal could not be pruned", { error });
    });
    this.#cancelPrune = this.#options.timers.after(pruneEveryMs, () => this.#prune());
  }
}
