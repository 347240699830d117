/** Counts who stands at a door, by address: so that one cannot fill it. Pure. */
import { hostOf, network } from "./origin.ts";

export interface DoorLimits {
  /** Of one IPv4 address, or one /64 of IPv6. */
  readonly perAddress: number;
  /** Addresses that may have as many as come; `host` without a port. */
  readonly isExempt: (host: string) => boolean;
}

/** Gives back what `come` has counted; more than once does no harm. */
export type Leave = () => void;

/** Whoever comes is counted until it leaves. Its memory is as large as what is inside. */
export class Door {
  readonly #limits: DoorLimits;
  /** By `ip:port`: the last that came from there. */
  readonly #newest = new Map<string, Leave>();
  readonly #counts = new Map<string, number>();

  constructor(limits: DoorLimits) {
    this.#limits = limits;
  }

  /**
   * Each connection is counted for itself, also one from the `ip:port` of another that is inside: that one was reset,
   * and its end is not heard of yet. `null`, and not counted, when its host has as many as it may.
   */
  come(address: string): Leave | null {
    const host = hostOf(address);
    if (this.#limits.isExempt(host)) return () => {};
    const from = network(host);
    const count = this.#counts.get(from) ?? 0;
    if (count >= this.#limits.perAddress) return null;
    this.#counts.set(from, count + 1);
    let isInside = true;
    const leave = () => {
      if (!isInside) return;
      isInside = false;
      if (this.#newest.get(address) === leave) this.#newest.delete(address);
      const left = (this.#counts.get(from) ?? 1) - 1;
      if (left > 0) this.#counts.set(from, left);
      else this.#counts.delete(from);
    };
    this.#newest.set(address, leave);
    return leave;
  }

  /** Whoever is connected from `ip:port` has shown who it is, and is not counted any more. */
  shown(address: string): void {
    this.#newest.get(address)?.();
  }
}
