/** The hub's clock, as last heard; between two hellos a monotonic clock carries it on. */
import { type Clock, parseTimestamp } from "../../shared/clock.ts";

export class HubTime {
  readonly #clock: Clock;
  #last: { readonly atMs: number; readonly heardAt: number };
  #isKnown = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = { atMs: clock.now(), heardAt: clock.monotonic() };
  }

  /** Epoch milliseconds; by this host's clock until the hub was heard. */
  now(): number {
    return this.#last.atMs + (this.#clock.monotonic() - this.#last.heardAt);
  }

  /** `null` until the hub was heard. */
  heard(): number | null {
    return this.#isKnown ? this.now() : null;
  }

  /** Takes what a hello says, RFC 3339; what is none is ignored. */
  hear(told: string): void {
    const atMs = parseTimestamp(told);
    if (atMs === null) return;
    this.#last = { atMs, heardAt: this.#clock.monotonic() };
    this.#isKnown = true;
  }
}
