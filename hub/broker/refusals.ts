/** Counts what clients did wrong or suffered, and logs each reason of each client, and each reason, at most so often. */
import type { Clock } from "../../shared/clock.ts";
import type { LogFields, Logger } from "../../shared/log.ts";

/** One line for a reason and a client in this time: a hostile client must not fill the log. */
const quietMs = 60_000;
/** Lines for one reason in that time, of all clients together: a hostile one may have many names. */
const mostLines = 60;
/** Clients and reasons remembered; beyond, the memory starts afresh. */
const mostRemembered = 10_000;

interface Window {
  readonly since: number;
  lines: number;
}

export class Refusals {
  readonly #logger: Logger;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #counts: Record<string, number> = {};
  readonly #loggedAt = new Map<string, number>();
  readonly #windows = new Map<string, Window>();

  constructor({ logger, clock }: { logger: Logger; clock: Pick<Clock, "monotonic"> }) {
    this.#logger = logger;
    this.#clock = clock;
  }

  get counts(): Readonly<Record<string, number>> {
    return { ...this.#counts };
  }

  /** `client` is an id, or what `originOf` says of an address where nobody is known by one. */
  note(reason: string, client: string, message: string, fields: LogFields = {}): void {
    this.#counts[reason] = (this.#counts[reason] ?? 0) + 1;
    const key = `${reason} ${client}`;
    const now = this.#clock.monotonic();
    const last = this.#loggedAt.get(key);
    if (last !== undefined && now - last < quietMs) return;
    const window = this.#windowOf(reason, now);
    if (window.lines > mostLines) return;
    window.lines += 1;
    if (window.lines > mostLines) {
      this.#logger.warn("refused too often: more of this reason are only counted for a minute", { reason });
      return;
    }
    if (this.#loggedAt.size >= mostRemembered) this.#loggedAt.clear();
    this.#loggedAt.set(key, now);
    this.#logger.warn(message, { reason, client, count: this.#counts[reason], ...fields });
  }

  /** There are as many reasons as the code names, so this stays small. */
  #windowOf(reason: string, now: number): Window {
    const known = this.#windows.get(reason);
    if (known !== undefined && now - known.since < quietMs) return known;
    const fresh = { since: now, lines: 0 };
    this.#windows.set(reason, fresh);
    return fresh;
  }
}
