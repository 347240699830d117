/**
 * Paths that had no record at a start although they have not changed since before the sensor last looked: it would have
 * recorded them. Whether records were removed is what the check of all rows says; these are the likely ones. Bounded. Pure.
 */
import type { BytePath } from "../../../shared/watch/paths.ts";
import type { Stat } from "../look.ts";
import { mostNamed } from "./overwritten.ts";

/** ms that the last sign of life may be ahead of what the kernel's queue had handed out. */
const slackMs = 100;

export class Unrecorded {
  #paths: BytePath[] = [];
  #count = 0;

  /** `since`: ms since the epoch, the last sign of life before this start. */
  note(path: BytePath, stat: Stat, since: number): void {
    if (Number(stat.ctimeNs / 1_000_000n) > since - slackMs) return;
    this.#count++;
    if (this.#paths.length < mostNamed) this.#paths.push(path);
  }

  /** The first hundred, and how many there were; from then on there are none. */
  take(): { readonly paths: readonly BytePath[]; readonly count: number } {
    const taken = { paths: this.#paths, count: this.#count };
    this.#paths = [];
    this.#count = 0;
    return taken;
  }
}
