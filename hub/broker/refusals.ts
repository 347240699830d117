/** Counts what clients did wrong or suffered, and logs each reason of each client at most so often. */
import type { Clock } from "../../shared/clock.ts";
import type { LogFields, Logger } from "../../shared/log.ts";

/** One line for a reason and a client in this time: a hostile client must not fill the log. */
const quietMs = 60_000;
/** Clients and reasons remembered; beyond, the memory starts afresh. */
const mostRemembered = 10_000;

export class Refusals {
  readonly #logger: Logger;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #counts: Record<string, number> = {};
  readonly #loggedAt = new Map<string, number>();

  constructor({ logger, clock }: { logger: Logger; clock: Pick<Clock, "monotonic"> }) {
    this.#logger = logger;
    this.#clock = clock;
  }

  get counts(): Readonly<Record<string, number>> {
    return { ...this.#counts };
  }

  /** `client` is an id, or an address where there is none. */
  note(reason: string, client: string, message: string, fields: LogFields = {}): void {
    this.#counts[reason] = (this.#counts[reason] ?? 0) + 1;
    const key = `${reason} ${client}`;
    const now = this.#clock.monotonic();
    const last = this.#loggedAt.get(key);
    if (last !== undefined && now - last < quietMs) return;
    if (this.#loggedAt.size >= mostRemembered) this.#loggedAt.clear();
    this.#loggedAt.set(key, now);
    this.#logger.warn(message, { reason, client, count: this.#counts[reason], ...fields });
  }
}
