/**
 * Takes in what one life of a sensor says, in the order it says it: triggers to the outbox, values to the datastore.
 *
 * One line after the other, so that a value which tells how far the sensor has come is never on disk before the
 * triggers it speaks of. Nothing is dropped: while the outbox is full or the disk fails, `accepted` is held back.
 */
import { backoffMs } from "../../shared/backoff.ts";
import { errorReport, isPetrelError, type PetrelError } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type {
  AgentMessage,
  CheckpointMessage,
  DatastoreMessage,
  DispatchMessage,
  RefusedMessage,
} from "./messages.ts";

export type IntakeMessage = DispatchMessage | CheckpointMessage | DatastoreMessage;

export interface Refusal {
  readonly id: number;
  readonly error: PetrelError;
}

/** The durable side of one life; calls are made one at a time. */
export interface DispatchLife {
  /**
   * Resolves once every dispatch is on disk, was stored before under its key, or is among the refused. Rejects when
   * nothing was written; the same call may then be made again.
   */
  store(dispatches: readonly DispatchMessage[]): Promise<readonly Refusal[]>;
  checkpoint(upTo: number, earlier: boolean, acceptedUpTo: number): Promise<void>;
}

/** Answers a datastore call; rejects with a PetrelError that the sensor is told. */
export type AnswerValue = (call: DatastoreMessage) => Promise<Json>;

export interface IntakeOptions {
  readonly life: DispatchLife;
  readonly answerValue: AnswerValue;
  readonly send: (message: AgentMessage) => void;
  readonly log: Logger;
  /** Waits; resolves early when the signal is aborted. */
  readonly pause: (delayMs: number, signal: AbortSignal) => Promise<void>;
  /** Milliseconds of a steady clock. */
  readonly monotonic: () => number;
  /** In [0, 1). */
  readonly jitter: () => number;
  /** Called when there is room again after `isFull` was true. */
  readonly onRoom: () => void;
}

/** Messages and bytes that may wait; beyond it the sensor's pipe is not read. */
const mostWaiting = 1_024;
const mostWaitingBytes = 4 * 1024 * 1024;
/** One write to disk takes at most these many dispatches. */
const mostInBatch = 256;
const mostBatchBytes = 512 * 1024;
/** Questions to the hub in flight; the next one waits, and what is behind it. */
const mostAsked = 32;
const warnEveryMs = 60_000;
/** Short at its longest: the sensor waits, and a hub that is back makes room quickly. */
const retryBackoff = { firstMs: 100, mostMs: 2_000 };

interface Waiting {
  /** A refusal takes its turn like a dispatch, so that `accepted` covers it in order. */
  readonly message: IntakeMessage | RefusedMessage;
  readonly bytes: number;
}

export class SensorIntake {
  readonly #options: IntakeOptions;
  readonly #closing = new AbortController();
  readonly #asked = new Set<Promise<void>>();
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #acceptedUpTo = 0;
  #lastId = 0;
  #draining: Promise<void> | null = null;
  #wasFull = false;
  #mostInBatch = mostInBatch;
  #warnedAt: number | null = null;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** True while the sensor's pipe should not be read. */
  get isFull(): boolean {
    return this.#queue.length >= mostWaiting || this.#queuedBytes >= mostWaitingBytes;
  }

  /** True while the sensor may be waiting for an answer of ours. */
  get isBusy(): boolean {
    return this.#draining !== null || this.#queue.length > 0 || this.#asked.size > 0;
  }

  /** Takes a checked message; `bytes` is the length of its line. */
  take(message: IntakeMessage, bytes: number): void {
    if (message.op !== "dispatch") this.#enqueue(message, bytes);
    else if (message.id > this.#lastId) {
      this.#lastId = message.id;
      this.#enqueue(message, bytes);
    } else this.#refuse(outOfOrder(message.id, this.#lastId));
  }

  /** Takes a dispatch whose other fields are unusable. */
  takeUnusable(id: number, problem: string): void {
    if (id <= this.#lastId) {
      this.#refuse(outOfOrder(id, this.#lastId));
      return;
    }
    this.#lastId = id;
    this.#enqueue({ op: "refused", id, code: "SENSOR_PROTOCOL", message: problem }, problem.length);
  }

  /** Resolves once everything taken so far is settled, or given up by `close`. */
  async settled(): Promise<void> {
    await this.#draining;
    await Promise.all(this.#asked);
  }

  /** Gives up what is not on disk; the sensor was never told that it were. */
  close(): void {
    this.#closing.abort();
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #enqueue(message: Waiting["message"], bytes: number): void {
    if (this.#closing.signal.aborted) return;
    this.#queue.push({ message, bytes });
    this.#queuedBytes += bytes;
    this.#wasFull ||= this.isFull;
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // One turn of the loop later, so that the lines of one chunk share a batch.
    await Promise.resolve();
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const { message } = next;
      if (message.op === "dispatch") await this.#storeBatch();
      else {
        this.#remove(1);
        if (message.op === "refused") this.#settle(message.id, [message]);
        else if (message.op === "checkpoint") await this.#checkpoint(message);
        else await this.#answer(message);
      }
      if (this.#wasFull && !this.isFull) {
        this.#wasFull = false;
        this.#options.onRoom();
      }
    }
    this.#draining = null;
  }

  #remove(count: number): void {
    for (const { bytes } of this.#queue.splice(0, count)) this.#queuedBytes -= bytes;
  }

  /** The dispatches at the head of the queue, as many as one batch takes. */
  #headBatch(): DispatchMessage[] {
    const batch: DispatchMessage[] = [];
    let size = 0;
    for (const { message, bytes } of this.#queue) {
      if (message.op !== "dispatch" || batch.length === this.#mostInBatch) break;
      size += bytes;
      if (batch.length > 0 && size > mostBatchBytes) break;
      batch.push(message);
    }
    return batch;
  }

  async #storeBatch(): Promise<void> {
    const stored = await this.#untilWritten("store triggers", async () => {
      const batch = this.#headBatch();
      try {
        return { batch, refused: await this.#options.life.store(batch) };
      } catch (error) {
        // A smaller batch may still fit in.
        if (isFull(error)) this.#mostInBatch = Math.max(1, Math.floor(batch.length / 2));
        throw error;
      }
    });
    if (stored === null) return;
    const { batch, refused } = stored;
    this.#mostInBatch = Math.min(mostInBatch, this.#mostInBatch * 2);
    this.#remove(batch.length);
    const refusals = refused.map(({ id, error }): RefusedMessage => {
      return { op: "refused", id, code: error.code, message: error.message };
    });
    this.#settle(batch.at(-1)?.id ?? this.#acceptedUpTo, refusals);
  }

  #settle(upTo: number, refusals: readonly RefusedMessage[]): void {
    for (const refusal of refusals) this.#refuse(refusal);
    this.#acceptedUpTo = upTo;
    this.#options.send({ op: "accepted", upTo });
  }

  #refuse(refused: RefusedMessage): void {
    this.#options.log.warn("trigger refused", { ...refused, op: undefined });
    this.#options.send(refused);
  }

  async #checkpoint({ upTo, earlier = false }: CheckpointMessage): Promise<void> {
    await this.#untilWritten("checkpoint", () =>
      this.#options.life.checkpoint(upTo, earlier, this.#acceptedUpTo),
    );
  }

  /**
   * Local calls are settled before the next line; questions to the hub begin in order and run beside. A local secret is
   * sealed by the hub, and yet has its turn: what comes after it must not be on disk before it.
   */
  async #answer(call: DatastoreMessage): Promise<void> {
    const answered = this.#options.answerValue(call).then(
      (value) => this.#options.send({ op: "value", request: call.request, value }),
      (error: unknown) => {
        const { code, message } = errorReport(error);
        this.#options.send({ op: "value", request: call.request, error: { code, message } });
      },
    );
    const isUnsealed = call.op === "get_value" && call.decrypt === true;
    if (call.local !== false && !isUnsealed) return answered;
    const tracked = answered.finally(() => this.#asked.delete(tracked));
    this.#asked.add(tracked);
    if (this.#asked.size >= mostAsked) await Promise.race(this.#asked);
  }

  /** It may last as long as the hub is away, and come and go while it catches up. */
  #warnWaiting(what: string, error: unknown): void {
    const now = this.#options.monotonic();
    if (this.#warnedAt !== null && now - this.#warnedAt < warnEveryMs) return;
    this.#warnedAt = now;
    this.#options.log.warn(`cannot ${what} yet; the sensor waits`, { error });
  }

  /** Tries again for as long as it takes; `null` when the intake was closed meanwhile. */
  async #untilWritten<T>(what: string, write: () => Promise<T>): Promise<T | null> {
    const { signal } = this.#closing;
    for (let attempt = 0; ; attempt++) {
      if (signal.aborted) return null;
      try {
        return await write();
      } catch (error) {
        const delayMs = backoffMs(retryBackoff, attempt, this.#options.jitter());
        this.#warnWaiting(what, error);
        await this.#options.pause(delayMs, signal);
      }
    }
  }
}

function outOfOrder(id: number, last: number): RefusedMessage {
  const message = `dispatch ${id} after ${last}: ids increase within one life`;
  return { op: "refused", id, code: "SENSOR_PROTOCOL", message };
}

function isFull(error: unknown): boolean {
  return isPetrelError(error) && error.code === "LINK_OUTBOX_FULL";
}
