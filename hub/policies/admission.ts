/** Lets executions go that wait for a slot, as soon as there is one: after an end, a changed policy, a restart. */
import type { Logger } from "../../shared/log.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Catalogue } from "../packs/catalogue.ts";
import type { LimitOf } from "../store/gates.ts";
import type { Store } from "../store/store.ts";
import { limitNow } from "./limits.ts";

export interface AdmissionOptions {
  readonly store: Pick<Store, "admit" | "waitingGates" | "subscribeChanges">;
  readonly catalogue: () => Pick<Catalogue, "policies">;
  /** Resolves when changed packs are in force. */
  readonly settled: () => Promise<void>;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

/**
 * Nothing of it has to be remembered: who waits is on disk, and all gates are looked at when it starts. Several hubs may
 * do the same at once.
 */
export class Admission {
  readonly #rounds: Rounds;
  readonly #stopListening: () => void;
  readonly #gates = new Set<string>();
  #all = true;

  constructor({ store, catalogue, settled, timers, jitter, log }: AdmissionOptions) {
    const limitOf: LimitOf = (gate) => limitNow(catalogue().policies, gate);
    this.#rounds = new Rounds({
      timers,
      jitter,
      work: async () => {
        if (this.#all) {
          this.#all = false;
          await settled();
          for (const gate of await store.waitingGates().catch((error) => this.#again(error))) {
            this.#gates.add(gate);
          }
        }
        for (const gate of [...this.#gates]) {
          // Before its turn: what changes from now on is another turn.
          this.#gates.delete(gate);
          await store.admit(gate, limitOf).catch((error) => this.#again(error, gate));
        }
      },
      failed: (error, retryMs) =>
        log.error("executions that wait for a slot could not be let go yet", { error, retry_in_ms: retryMs }),
    });
    this.#stopListening = store.subscribeChanges(
      (changes) => {
        let news = false;
        for (const change of changes) {
          if (change.type === "gate") this.#gates.add(change.gate);
          else if (change.type === "pack" || change.type === "reopened") this.#all = true;
          else continue;
          news = true;
        }
        if (news) void this.#rounds.ask();
      },
      ["gate", "pack"],
    );
    void this.#rounds.ask();
  }

  close(): Promise<void> {
    this.#stopListening();
    return this.#rounds.stop();
  }

  #again(error: unknown, gate?: string): never {
    if (gate === undefined) this.#all = true;
    else this.#gates.add(gate);
    throw error;
  }
}
