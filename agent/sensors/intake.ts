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
const retryBackoff = { firstMs: 250, mostMs: 15_000 };

interface Waiting {
  readonly message: IntakeMessage;
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

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** True while the sensor's pipe should not be read. */
  get isFull(): boolean {
    return this.#queue.length >= mostWaiting || this.#queuedBytes >= mostWaitingBytes;
  }

  /** Takes a checked message; `bytes` is the length of its line. */
  take(message: IntakeMessage, bytes: number): void {
    if (this.#closing.signal.aborted) return;
    if (message.op === "dispatch" && message.id <= this.#lastId) {
      const text = `dispatch ${message.id} after ${this.#lastId}: ids increase within one life`;
      this.#options.log.warn("sensor broke the protocol", { code: "SENSOR_PROTOCOL", problem: text });
      this.#options.send({ op: "refused", id: message.id, code: "SENSOR_PROTOCOL", message: text });
      return;
    }
    if (message.op === "dispatch") this.#lastId = message.id;
    this.#queue.push({ message, bytes });
    this.#queuedBytes += bytes;
    this.#wasFull ||= this.isFull;
    this.#draining ??= this.#drain();
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

  async #drain(): Promise<void> {
    // One turn of the loop later, so that the lines of one chunk share a batch.
    await Promise.resolve();
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const { message } = next;
      if (message.op === "dispatch") await this.#storeBatch();
      else {
        this.#remove(1);
        if (message.op === "checkpoint") await this.#checkpoint(message);
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
      if (message.op !== "dispatch" || batch.length === mostInBatch) break;
      size += bytes;
      if (batch.length > 0 && size > mostBatchBytes) break;
      batch.push(message);
    }
    return batch;
  }

  async #storeBatch(): Promise<void> {
    const batch = this.#headBatch();
    const refused = await this.#untilWritten("store triggers", () => this.#options.life.store(batch));
    if (refused === null) return;
    this.#remove(batch.length);
    for (const { id, error } of refused)
      this.#refuse({ op: "refused", id, code: error.code, message: error.message });
    this.#acceptedUpTo = batch.at(-1)?.id ?? this.#acceptedUpTo;
    this.#options.send({ op: "accepted", upTo: this.#acceptedUpTo });
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

  /** Local calls are settled before the next line; questions to the hub begin in order and run beside. */
  async #answer(call: DatastoreMessage): Promise<void> {
    const answered = this.#options.answerValue(call).then(
      (value) => this.#options.send({ op: "value", request: call.request, value }),
      (error: unknown) => {
        const { code, message } = errorReport(error);
        this.#options.send({ op: "value", request: call.request, error: { code, message } });
      },
    );
    if (call.local !== false) return answered;
    const tracked = answered.finally(() => this.#asked.delete(tracked));
    this.#asked.add(tracked);
    if (this.#asked.size >= mostAsked) await Promise.race(this.#asked);
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
        const level = isPetrelError(error) && error.code === "LINK_CLOSED" ? "debug" : "warn";
        // Told at first and then ever more rarely, as the wait doubles up to its cap.
        this.#options.log[level](`cannot ${what} yet; the sensor waits`, {
          error,
          retry_in_ms: Math.round(delayMs),
        });
        await this.#options.pause(delayMs, signal);
      }
    }
  }
}
