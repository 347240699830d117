/** Counts who stands at a door, by address: so that one cannot fill it. Pure. */
import { hostOf, network } from "./origin.ts";

export interface DoorLimits {
  /** Of one IPv4 address, or one /64 of IPv6. */
  readonly perAddress: number;
  /** Addresses that may have as many as come; `host` without a port. */
  readonly isExempt: (host: string) => boolean;
}

/** Whoever comes is counted until `left`. Its memory is as large as what is inside. */
export class Door {
  readonly #limits: DoorLimits;
  readonly #inside = new Set<string>();
  readonly #counts = new Map<string, number>();

  constructor(limits: DoorLimits) {
    this.#limits = limits;
  }

  /** `address`: `ip:port`, which names one connection. False, and not counted, when its host has as many as it may. */
  come(address: string): boolean {
    const host = hostOf(address);
    if (this.#limits.isExempt(host)) return true;
    const from = network(host);
    const count = this.#counts.get(from) ?? 0;
    if (count >= this.#limits.perAddress) return false;
    if (this.#inside.has(address)) return true;
    this.#inside.add(address);
    this.#counts.set(from, count + 1);
    return true;
  }

  /** It is gone, or has shown who it is. More than once does no harm. */
  left(address: string): void {
    if (!this.#inside.delete(address)) return;
    const from = network(hostOf(address));
    const count = (this.#counts.get(from) ?? 1) - 1;
    if (count > 0) this.#counts.set(from, count);
    else this.#counts.delete(from);
  }
}
