/** Which accepted request may run now: first come, first served, never more at once than the limit. */

/** A request that waits; its text stays in the journal. */
export interface QueuedRequest {
  readonly execution: string;
  /** Bytes of the stored request. */
  readonly size: number;
}

export interface QueueLimits {
  /** How many run at once. */
  readonly concurrency: number;
  /** How many may be open (waiting or running) before the agent grants no more credit. */
  readonly maxOpen: number;
  /** Bytes of their stored requests. */
  readonly maxOpenBytes: number;
}

/** Requests stay on disk, so a full queue costs a few hundred kilobytes; controls behind them still get through. */
export const defaultQueueLimits: QueueLimits = {
  concurrency: 32,
  maxOpen: 10_000,
  maxOpenBytes: 64 * 1024 * 1024,
};

/** The waiting and the running, without any I/O. Each execution is in it at most once. */
export class RunQueue {
  readonly #limits: QueueLimits;
  readonly #waiting = new Map<string, QueuedRequest>();
  readonly #running = new Map<string, QueuedRequest>();
  #openBytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** False when it is already waiting or running. */
  add(request: QueuedRequest): boolean {
    if (this.#waiting.has(request.execution) || this.#running.has(request.execution)) return false;
    this.#waiting.set(request.execution, request);
    this.#openBytes += request.size;
    return true;
  }

  /** The oldest that waits, now counted as running; `null` when none waits or the limit is reached. */
  next(): QueuedRequest | null {
    if (this.#running.size >= this.#limits.concurrency) return null;
    const [oldest] = this.#waiting.values();
    if (oldest === undefined) return null;
    this.#waiting.delete(oldest.execution);
    this.#running.set(oldest.execution, oldest);
    return oldest;
  }

  /** Takes a waiting request out; false when it does not wait (any more). */
  withdraw(execution: string): boolean {
    const request = this.#waiting.get(execution);
    if (request === undefined) return false;
    this.#waiting.delete(execution);
    this.#openBytes -= request.size;
    return true;
  }

  /** A running one has ended: its place is free. */
  finish(execution: string): void {
    const request = this.#running.get(execution);
    if (request === undefined) return;
    this.#running.delete(execution);
    this.#openBytes -= request.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Room left: what the agent tells the hub as its credit. */
  credit(): { readonly entries: number; readonly bytes: number } {
    const open = this.#waiting.size + this.#running.size;
    return {
      entries: Math.max(0, this.#limits.maxOpen - open),
      bytes: Math.max(0, this.#limits.maxOpenBytes - this.#openBytes),
    };
  }
}
