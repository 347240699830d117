/** The scheduler: holds what waits, and gives it to the worker as places become free. */
import type { Logger } from "../../shared/log.ts";
import type { Component } from "./component.ts";
import { type QueuedRequest, type QueueLimits, RunQueue } from "./queue.ts";

export interface SchedulerOptions {
  readonly limits: QueueLimits;
  /** The whole life of one execution, until it is settled or put back; never rejects in the course of things. */
  readonly run: (execution: string) => Promise<void>;
  /** There is room again after `credit` was nothing. */
  readonly onRoom: () => void;
  readonly log: Logger;
}

/** The part of the queue that must be free before the hub is told so: it should not hear of each place. */
const roomShare = 0.01;

export class Scheduler implements Component {
  readonly name = "scheduler";
  readonly #options: SchedulerOptions;
  readonly #queue: RunQueue;
  #handsOut = false;
  #wasFull = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#queue = new RunQueue(options.limits);
  }

  start(): void {
    this.#handsOut = true;
    this.#handOut();
  }

  /** What waits stays in the journal: it runs after the next start. */
  async stop(): Promise<void> {
    this.hold();
  }

  /** Gives out nothing more, while what runs goes on. */
  hold(): void {
    this.#handsOut = false;
  }

  /** False when it is in the queue already. */
  add(request: QueuedRequest): boolean {
    const added = this.#queue.add(request);
    this.#handOut();
    return added;
  }

  /** Takes a waiting execution out; false when it does not wait. */
  withdraw(execution: string): boolean {
    const withdrawn = this.#queue.withdraw(execution);
    this.#tellRoom();
    return withdrawn;
  }

  credit(): { readonly entries: number; readonly bytes: number } {
    const credit = this.#queue.credit();
    if (credit.entries < 1 || credit.bytes < 1) this.#wasFull = true;
    return credit;
  }

  figures(): { readonly waiting: number; readonly running: number } {
    return { waiting: this.#queue.waitingCount, running: this.#queue.runningCount };
  }

  #tellRoom(): void {
    if (!this.#wasFull) return;
    const { maxOpen, maxOpenBytes } = this.#options.limits;
    const { entries, bytes } = this.#queue.credit();
    if (entries < maxOpen * roomShare || bytes < maxOpenBytes * roomShare) return;
    this.#wasFull = false;
    this.#options.onRoom();
  }

  #handOut(): void {
    while (this.#handsOut) {
      const next = this.#queue.next();
      if (next === null) return;
      this.#options
        .run(next.execution)
        .catch((error) => {
          this.#options.log.error("an execution broke in the worker", { execution: next.execution, error });
        })
        .finally(() => {
          this.#queue.finish(next.execution);
          this.#tellRoom();
          this.#handOut();
        });
    }
  }
}
