/** Slows down whoever tries keys: an address with too many failures is not listened to for a while. Bounded, pure. */
import { Bucket } from "./bucket.ts";
import { network } from "./origin.ts";

export interface GuessLimits {
  /** Failures that an address may make at once. */
  readonly failures: number;
  /** Milliseconds after which one more is forgiven. */
  readonly forgiveMs: number;
  /** Addresses that are remembered; the one heard of longest ago goes first. */
  readonly addresses: number;
}

const defaultLimits: GuessLimits = { failures: 10, forgiveMs: 6_000, addresses: 10_000 };
/** Of one address: those behind a proxy share it. */
const mostGoodKeys = 64;

interface Heard {
  /** Failures that are not forgiven yet. */
  readonly failures: Bucket;
  /** Whether its being refused has been told of. */
  told: boolean;
  readonly good: Set<string>;
}

export type Verdict = "listen" | "refuse" | "refuse-first";

export class GuessBrake {
  readonly #limits: GuessLimits;
  readonly #heard = new Map<string, Heard>();

  constructor(limits: GuessLimits = defaultLimits) {
    this.#limits = limits;
  }

  /**
   * Whether a key from this address is looked at. One that was right from there before always is: who shares an address
   * with a guesser is not locked out. `refuse-first`: the first refusal of this row. `nowMs` is monotonic.
   */
  verdict(address: string, key: string | null, nowMs: number): Verdict {
    const heard = this.#recall(address, nowMs);
    if (heard === null || heard.failures.hasRoom(nowMs)) return "listen";
    if (key !== null && heard.good.has(key)) return "listen";
    if (heard.told) return "refuse";
    heard.told = true;
    return "refuse-first";
  }

  failed(address: string, nowMs: number): void {
    this.#remember(address, nowMs).failures.fill(nowMs);
  }

  succeeded(address: string, key: string, nowMs: number): void {
    const heard = this.#remember(address, nowMs);
    if (heard.good.size < mostGoodKeys) heard.good.add(key);
  }

  /** Seconds until an address that is refused is listened to again. */
  retryAfter(address: string, nowMs: number): number {
    return Math.max(1, Math.ceil((this.#recall(address, nowMs)?.failures.waitMs(nowMs) ?? 0) / 1000));
  }

  #recall(address: string, nowMs: number): Heard | null {
    const heard = this.#heard.get(network(address));
    if (heard === undefined) return null;
    if (heard.failures.level(nowMs) < this.#limits.failures / 2) heard.told = false;
    return heard;
  }

  #stranger(nowMs: number): Heard {
    const { failures: burst, forgiveMs: everyMs } = this.#limits;
    return { failures: new Bucket({ burst, everyMs }, nowMs), told: false, good: new Set() };
  }

  #remember(address: string, nowMs: number): Heard {
    const from = network(address);
    const heard = this.#recall(address, nowMs) ?? this.#stranger(nowMs);
    this.#heard.delete(from);
    this.#heard.set(from, heard);
    if (this.#heard.size > this.#limits.addresses) {
      const [oldest] = this.#heard.keys();
      if (oldest !== undefined) this.#heard.delete(oldest);
    }
    return heard;
  }
}
