/** A worker thread for patterns that no linear-time engine takes; it is killed when one runs too long. */
import type { Worker } from "node:worker_threads";
import type { RegexAnswer, RegexRequest } from "../expressions/regex/answer.ts";
import { ownThread } from "../runtime/own-programs-process.ts";

export interface SlowRegexOptions {
  /** Longest time for one pattern over one text. */
  readonly timeoutMs?: number;
}

interface Job {
  readonly request: RegexRequest;
  readonly resolve: (answer: RegexAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Answers one question after the other. A question waits for those before it, each at most `timeoutMs`. */
export class SlowRegex {
  readonly #timeoutMs: number;
  readonly #queue: Job[] = [];
  #current: Job | null = null;
  #worker: Worker | null = null;
  #ready = false;
  #deadline: NodeJS.Timeout | null = null;
  #closed = false;

  constructor({ timeoutMs = 50 }: SlowRegexOptions = {}) {
    this.#timeoutMs = timeoutMs;
  }

  /** Rejects only when the worker cannot be started, or after `close`. */
  ask(request: RegexRequest): Promise<RegexAnswer> {
    if (this.#closed) return Promise.reject(new Error("the slow regex worker is closed"));
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const jobs = [...(this.#current === null ? [] : [this.#current]), ...this.#queue.splice(0)];
    this.#current = null;
    for (const job of jobs) job.resolve({ timeout: true });
    await this.#stop();
  }

  #start(): Worker {
    const worker = ownThread(new URL("./slow-regex-main.ts", import.meta.url));
    worker.on("message", (message: RegexAnswer | "ready") => this.#onMessage(worker, message));
    worker.on("error", (error) => this.#onError(worker, error));
    // It keeps the process alive only while a question is open.
    worker.unref();
    this.#ready = false;
    return worker;
  }

  #next(): void {
    if (this.#current !== null) return;
    const job = this.#queue.shift();
    if (job === undefined) {
      this.#worker?.unref();
      return;
    }
    this.#current = job;
    this.#worker ??= this.#start();
    this.#worker.ref();
    if (this.#ready) this.#send(this.#worker, job);
  }

  #send(worker: Worker, job: Job): void {
    worker.postMessage(job.request);
    this.#deadline = setTimeout(() => this.#onTimeout(), this.#timeoutMs);
  }

  #finish(): Job | null {
    const job = this.#current;
    this.#current = null;
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    this.#deadline = null;
    return job;
  }

  #onMessage(worker: Worker, message: RegexAnswer | "ready"): void {
    if (worker !== this.#worker) return;
    if (message === "ready") {
      this.#ready = true;
      if (this.#current !== null) this.#send(worker, this.#current);
      return;
    }
    this.#finish()?.resolve(message);
    this.#next();
  }

  #onTimeout(): void {
    const job = this.#finish();
    void this.#stop();
    job?.resolve({ timeout: true });
    this.#next();
  }

  #onError(worker: Worker, error: Error): void {
    if (worker !== this.#worker) return;
    this.#worker = null;
    this.#finish()?.reject(error);
    this.#next();
  }

  async #stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#ready = false;
    await worker?.terminate();
  }
}
