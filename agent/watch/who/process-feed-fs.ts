/** Listens to the kernel's process connector (netlink, CAP_NET_ADMIN). Listens anew after messages were lost. */
import type { Timers } from "../../../shared/timers.ts";
import { type EventReader, readEvents } from "../kernel/event-reader-fs.ts";
import type { Libc } from "../kernel/libc-fs.ts";
import { decodeProcessEvents, listenRequest, type ProcessEvent } from "./process-events.ts";

export interface ProcessFeedOptions {
  readonly libc: Libc;
  readonly timers: Timers;
  readonly take: (event: Exclude<ProcessEvent, { kind: "answer" }>) => void;
  /** Events are missing from here on back; those that come are whole again. */
  readonly lost: () => void;
  /** No more events come. */
  readonly failed: (reason: string) => void;
}

const netlinkConnector = 11;
const processGroup = 1;
/** ms for the kernel's answer; it comes within the call. */
const answerMs = 1_000;
/** Times that listening is tried anew before it is given up. */
const attempts = 20;
const silence = "the kernel does not answer (not in the first pid namespace?)";

export class ProcessFeed {
  readonly #options: ProcessFeedOptions;
  #reader: EventReader | null = null;
  #control = -1;
  #request = 0;
  /** Waits for a sign that the kernel listens: `null` when the socket broke or nothing came. */
  #answered: ((error: number | null) => void) | null = null;
  #isStopped = false;
  #isOpening = false;
  #isBroken = false;

  constructor(options: ProcessFeedOptions) {
    this.#options = options;
  }

  /** Resolves once events come. Rejects where there are none to be had; the message says why. */
  async start(): Promise<void> {
    await this.#open(false);
  }

  /** Takes at once what was told up to now. */
  drain(): void {
    this.#reader?.drain();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#answered?.(null);
    await this.#close();
  }

  /** With `anySign` an event is answer enough: the kernel has granted it before. */
  async #open(anySign: boolean): Promise<void> {
    const { libc, timers, take } = this.#options;
    this.#isOpening = true;
    this.#isBroken = false;
    try {
      const fd = libc.netlinkSocket(netlinkConnector, processGroup);
      this.#control = libc.copyOf(fd);
      this.#reader = readEvents({
        libc,
        fd,
        // A short-lived process can be looked at only at once.
        pauseMs: 0,
        timers,
        onChunk: (bytes) => {
          for (const event of decodeProcessEvents(bytes)) {
            if (event.kind !== "answer") {
              take(event);
              if (anySign) this.#answered?.(0);
            } else if (event.request === this.#request) this.#answered?.(event.error);
          }
        },
        onError: () => this.#broke(),
      });
      const error = await this.#ask();
      if (error === null) throw new Error(silence);
      if (error !== 0) throw new Error(`refused: errno ${error}`);
      libc.send(this.#control, listenRequest(this.#request, process.pid, true));
    } catch (error) {
      await this.#close();
      throw error;
    } finally {
      this.#isOpening = false;
    }
  }

  #ask(): Promise<number | null> {
    const { libc, timers } = this.#options;
    this.#request = (process.pid * 64 + ((this.#request + 1) % 64)) >>> 0;
    return new Promise((resolve) => {
      let cancel = () => {};
      const done = (error: number | null) => {
        this.#answered = null;
        cancel();
        resolve(error);
      };
      // Once more around: after a long hold-up the answer is there and was not read yet.
      cancel = timers.after(answerMs, () => {
        cancel = timers.after(1, () => done(null));
      });
      this.#answered = done;
      libc.send(this.#control, listenRequest(this.#request, process.pid, false));
    });
  }

  /** ENOBUFS: more events than were read in time. */
  #broke(): void {
    this.#isBroken = true;
    this.#answered?.(null);
    if (this.#isOpening || this.#isStopped) return;
    this.#isOpening = true;
    const { lost, failed } = this.#options;
    this.#again()
      .then(() => {
        lost();
        if (this.#isBroken) this.#broke();
      })
      .catch((error: unknown) => failed(error instanceof Error ? error.message : String(error)));
  }

  async #again(): Promise<void> {
    let failure: unknown = null;
    for (let attempt = 0; attempt < attempts && !this.#isStopped; attempt++) {
      await this.#close();
      try {
        await this.#open(true);
        return;
      } catch (error) {
        failure = error;
      }
    }
    if (!this.#isStopped) throw failure;
  }

  async #close(): Promise<void> {
    const { libc } = this.#options;
    const reader = this.#reader;
    this.#reader = null;
    if (this.#control !== -1) libc.close(this.#control);
    this.#control = -1;
    await reader?.stop();
  }
}
