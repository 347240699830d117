/** Questions to one life of a sensor's process: numbered, bounded, each with a deadline. */
import { catalogue, type ErrorCode, PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Timers } from "../../shared/timers.ts";
import type { AnswerMessage, AskMessage } from "./messages.ts";

export interface QuestionsOptions {
  readonly send: (message: AskMessage) => void;
  /** The sensor does not read what it is sent: more would only pile up. */
  readonly isClogged: () => boolean;
  readonly timers: Timers;
}

interface Open {
  readonly resolve: (value: Json) => void;
  readonly reject: (error: PetrelError) => void;
  readonly stopTimer: () => void;
}

/** Questions without an answer. */
export const mostQuestions = 16;

export class SensorQuestions {
  readonly #options: QuestionsOptions;
  readonly #open = new Map<number, Open>();
  #last = 0;
  #isClosed = false;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the sensor's answer. Rejects with the sensor's error, ASK_TIMEOUT after `withinMs`, SENSOR_BUSY, or
   * SENSOR_NOT_RUNNING when the process has ended.
   */
  ask(question: string, args: JsonObject, withinMs: number): Promise<Json> {
    const { send, isClogged, timers } = this.#options;
    if (this.#isClosed) return Promise.reject(ended());
    if (this.#open.size >= mostQuestions || isClogged()) {
      return Promise.reject(new PetrelError("SENSOR_BUSY", "the sensor does not answer fast enough"));
    }
    const request = ++this.#last;
    return new Promise((resolve, reject) => {
      const stopTimer = timers.after(withinMs, () => {
        this.#open.delete(request);
        reject(
          new PetrelError("ASK_TIMEOUT", `the sensor has not answered '${question}' within ${withinMs} ms`),
        );
      });
      this.#open.set(request, { resolve, reject, stopTimer });
      send({ op: "ask", request, question, arguments: args });
    });
  }

  /** One that nobody waits for any more is dropped. */
  take({ request, value, error }: AnswerMessage): void {
    const open = this.#close(request);
    if (error === undefined) open?.resolve(value ?? null);
    else open?.reject(new PetrelError(knownCode(error.code), error.message, { where: "the sensor" }));
  }

  /** The answer's line could not be used. */
  spoilt(request: number, problem: string): void {
    this.#close(request)?.reject(new PetrelError("SENSOR_PROTOCOL", problem, { where: "the sensor" }));
  }

  /** The process has ended: nobody will answer. */
  close(): void {
    this.#isClosed = true;
    for (const request of [...this.#open.keys()]) this.#close(request)?.reject(ended());
  }

  #close(request: number): Open | undefined {
    const open = this.#open.get(request);
    this.#open.delete(request);
    open?.stopTimer();
    return open;
  }
}

function knownCode(code: string): ErrorCode {
  return Object.hasOwn(catalogue, code) ? (code as ErrorCode) : "SENSOR_ASK_FAILED";
}

function ended(): PetrelError {
  return new PetrelError("SENSOR_NOT_RUNNING", "the sensor's process has ended");
}
