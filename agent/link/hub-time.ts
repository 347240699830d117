/** The hub as its last hello told of it: its clock, which a monotonic one carries on, and its version. */
import { type Clock, parseTimestamp } from "../../shared/clock.ts";

export class HubTime {
  readonly #clock: Clock;
  #last: { readonly atMs: number; readonly heardAt: number };
  #isKnown = false;
  #version: string | null = null;

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

  /** Milliseconds that this host's clock is ahead of the hub's; `null` until the hub was heard. */
  skewMs(): number | null {
    return this.#isKnown ? Math.round(this.#clock.now() - this.now()) : null;
  }

  /** The hub's software; `null` until it was heard. */
  get version(): string | null {
    return this.#version;
  }

  /** Takes what a hello says; `clock` is RFC 3339, and what is none is ignored. */
  hear({ clock, version }: { readonly clock: string; readonly version: string }): void {
    this.#version = version;
    const atMs = parseTimestamp(clock);
    if (atMs === null) return;
    this.#last = { atMs, heardAt: this.#clock.monotonic() };
    this.#isKnown = true;
  }
}
