/** Slows down whoever tries keys: an address with too many failures is not listened to for a while. Bounded, pure. */

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
  /** Failures not forgiven yet, as of `at`. */
  failures: number;
  at: number;
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
    // As long as a whole failure is not forgiven, one more would be one too many.
    if (heard === null || heard.failures <= this.#limits.failures - 1) return "listen";
    if (key !== null && heard.good.has(key)) return "listen";
    if (heard.told) return "refuse";
    heard.told = true;
    return "refuse-first";
  }

  failed(address: string, nowMs: number): void {
    const heard = this.#remember(address, nowMs);
    heard.failures = Math.min(heard.failures + 1, this.#limits.failures);
  }

  succeeded(address: string, key: string, nowMs: number): void {
    const heard = this.#remember(address, nowMs);
    if (heard.good.size < mostGoodKeys) heard.good.add(key);
  }

  /** Seconds until an address that is refused is listened to again. */
  retryAfter(address: string, nowMs: number): number {
    const over = (this.#recall(address, nowMs)?.failures ?? 0) - this.#limits.failures;
    return Math.max(1, Math.ceil(((over + 1) * this.#limits.forgiveMs) / 1000));
  }

  #recall(address: string, nowMs: number): Heard | null {
    const heard = this.#heard.get(network(address));
    if (heard === undefined) return null;
    const forgiven = (nowMs - heard.at) / this.#limits.forgiveMs;
    heard.failures = Math.max(0, heard.failures - forgiven);
    heard.at = nowMs;
    if (heard.failures < this.#limits.failures / 2) heard.told = false;
    return heard;
  }

  #remember(address: string, nowMs: number): Heard {
    const from = network(address);
    const heard = this.#recall(address, nowMs) ?? { failures: 0, at: nowMs, told: false, good: new Set() };
    this.#heard.delete(from);
    this.#heard.set(from, heard);
    if (this.#heard.size > this.#limits.addresses) {
      const [oldest] = this.#heard.keys();
      if (oldest !== undefined) this.#heard.delete(oldest);
    }
    return heard;
  }
}

/** One host has a whole /64 of IPv6 addresses to itself (RFC 4291, section 2.5.1). */
export function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - groups.length - rest.length;
  const whole = [...groups, ...Array<string>(Math.max(0, zeros)).fill("0"), ...rest];
  return `${whole.slice(0, 4).join(":")}::/64`;
}
