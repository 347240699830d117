/** Questions beside the ledgers: an answer before the deadline or none, nothing on disk. */
import { Buffer } from "node:buffer";
import type { Clock } from "../clock.ts";
import { catalogue, type ErrorCode, errorReport, PetrelError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Timers } from "../timers.ts";
import { type Answer, type Ask, maxPacketBytes } from "../wire/messages.ts";

/** What is sent; the link adds version, side and authentication. */
export type AskBody = Pick<Ask, "id" | "op" | "args" | "within">;
export type AnswerBody = Pick<Answer, "id" | "value" | "error">;

export interface AskerOptions {
  readonly send: (ask: AskBody) => void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly newId: () => string;
}

interface Pending {
  readonly body: AskBody;
  readonly deadline: number;
  readonly resolve: (value: Json) => void;
  readonly reject: (error: PetrelError) => void;
  readonly stopTimer: () => void;
}

/** Questions to one peer without an answer; more wait their turn, and their deadline runs meanwhile. */
const maxInFlight = 4;

export class Asker {
  readonly #options: AskerOptions;
  readonly #inFlight = new Map<string, Pending>();
  #waiting: Pending[] = [];
  #connected = false;
  #closed = false;

  constructor(options: AskerOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the answer's value. Rejects with the peer's error, ASK_TIMEOUT after `withinMs`, LINK_CLOSED, or
   * WIRE_TOO_LARGE for what no packet can carry.
   * A question that a connection took along is sent again on the next, so the peer may see it twice.
   */
  ask(op: string, args: JsonObject, withinMs: number): Promise<Json> {
    if (this.#closed) return Promise.reject(closedError());
    const { clock, timers, newId } = this.#options;
    if (!fitsPacket(args)) return Promise.reject(tooLarge("the question"));
    return new Promise((resolve, reject) => {
      const body = { id: newId(), op, args, within: withinMs };
      const stopTimer = timers.after(withinMs, () => {
        this.#forget(body.id);
        reject(new PetrelError("ASK_TIMEOUT", `no answer to ${op} within ${withinMs} ms`));
      });
      this.#waiting.push({ body, deadline: clock.monotonic() + withinMs, resolve, reject, stopTimer });
      this.#next();
    });
  }

  answer(answer: Answer): void {
    const pending = this.#inFlight.get(answer.id);
    // Too late, or said before: the deadline or the first answer has settled it.
    if (pending === undefined) return;
    pending.stopTimer();
    this.#forget(answer.id);
    if (answer.error === undefined) pending.resolve(answer.value ?? null);
    else pending.reject(peerError(answer.error));
  }

  connected(): void {
    this.#connected = true;
    for (const pending of this.#inFlight.values()) this.#send(pending);
    this.#next();
  }

  disconnected(): void {
    this.#connected = false;
  }

  close(): void {
    this.#closed = true;
    for (const { reject, stopTimer } of [...this.#inFlight.values(), ...this.#waiting]) {
      stopTimer();
      reject(closedError());
    }
    this.#inFlight.clear();
    this.#waiting = [];
  }

  #next(): void {
    while (this.#connected && this.#inFlight.size < maxInFlight) {
      const pending = this.#waiting.shift();
      if (pending === undefined) return;
      this.#inFlight.set(pending.body.id, pending);
      this.#send(pending);
    }
  }

  #send({ body, deadline }: Pending): void {
    const left = Math.max(0, Math.floor(deadline - this.#options.clock.monotonic()));
    this.#options.send({ ...body, within: left });
  }

  #forget(id: string): void {
    this.#inFlight.delete(id);
    this.#waiting = this.#waiting.filter(({ body }) => body.id !== id);
    this.#next();
  }
}

/** Answers one question; may be asked the same twice. Throws a PetrelError to refuse. */
export type Responder = (args: JsonObject) => Promise<Json>;

export interface AnswererOptions {
  readonly responders: Readonly<Record<string, Responder>>;
  readonly send: (answer: AnswerBody) => void;
  readonly clock: Clock;
}

/** Questions of one peer that are worked on at a time; what a peer asks beyond that gets no answer. */
const maxAnswering = 16;

export class Answerer {
  readonly #options: AnswererOptions;
  readonly #working = new Set<string>();

  constructor(options: AnswererOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async answer({ id, op, args, within }: AskBody): Promise<void> {
    if (this.#working.has(id) || this.#working.size >= maxAnswering) return;
    const { responders, send, clock } = this.#options;
    const deadline = clock.monotonic() + within;
    this.#working.add(id);
    let answer: AnswerBody;
    try {
      const responder = Object.hasOwn(responders, op) ? responders[op] : undefined;
      if (responder === undefined) throw new PetrelError("ASK_UNKNOWN", `no question is called ${op}`);
      const value = await responder(args);
      if (!fitsPacket(value)) throw tooLarge("the answer");
      answer = { id, value };
    } catch (error) {
      const { code, message } = errorReport(error);
      answer = { id, error: { code, message: message.slice(0, 4_000) } };
    } finally {
      this.#working.delete(id);
    }
    if (clock.monotonic() <= deadline) send(answer);
  }
}

function peerError({ code, message }: { code: string; message: string }): PetrelError {
  const known = Object.hasOwn(catalogue, code) ? (code as ErrorCode) : "INTERNAL";
  return new PetrelError(known, message, { where: "the peer" });
}

/** Leaves room for what else is in the message. */
const mostBytes = maxPacketBytes - 4 * 1024;

function fitsPacket(value: Json): boolean {
  const text = JSON.stringify(value);
  // UTF-8 takes at most three bytes for each UTF-16 unit: most need no encoding to know.
  return text.length * 3 <= mostBytes || Buffer.byteLength(text) <= mostBytes;
}

function tooLarge(what: string): PetrelError {
  return new PetrelError("WIRE_TOO_LARGE", `${what} is larger than a packet of ${maxPacketBytes} bytes`, {
    hint: "ask for less at once, or send less",
  });
}

function closedError(): PetrelError {
  return new PetrelError("LINK_CLOSED", "the link was closed");
}
