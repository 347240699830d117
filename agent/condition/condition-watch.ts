/** Looks after the agent's condition: holds back new work while the disk is full, and tells the hub. */
import { type Chore, startChores } from "../../shared/chores.ts";
import { isPetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import { type Condition, type ConditionFacts, conditionOf, wellCondition } from "./condition.ts";

export interface ConditionWatchOptions {
  readonly facts: () => Promise<ConditionFacts>;
  /** Keeps a reserve on the disk while it is not full, and gives it up while it is. */
  readonly keepReserve: () => Promise<void>;
  readonly releaseReserve: () => Promise<void>;
  readonly changed: (condition: Condition) => void;
  readonly ask: (op: string, args: JsonObject, withinMs: number) => Promise<Json>;
  readonly isLinked: () => boolean;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

const everyMs = 2_000;
const tellWithinMs = 10_000;

export class ConditionWatch {
  readonly #options: ConditionWatchOptions;
  readonly #telling: Rounds;
  readonly #chores: { stop(): Promise<void> };
  #condition: Condition = wellCondition;

  /** Looks at once, and from then on every few seconds. */
  constructor(options: ConditionWatchOptions) {
    this.#options = options;
    const { timers, jitter, log } = options;
    this.#telling = new Rounds({
      timers,
      jitter,
      work: () => this.#tell(),
      failed: (error, retryMs) =>
        log.info("the hub does not know this agent's condition yet", { error, retryMs }),
    });
    const look: Chore = {
      name: "the agent's condition is looked at",
      firstAfterMs: 0,
      everyMs,
      work: async () => {
        await this.#look();
        return undefined;
      },
    };
    this.#chores = startChores([look], { timers, log });
  }

  get condition(): Condition {
    return this.#condition;
  }

  /** There is a link to the hub (again): it is told. */
  linked(): void {
    void this.#telling.ask();
  }

  async close(): Promise<void> {
    await this.#chores.stop();
    await this.#telling.stop();
  }

  async #look(): Promise<void> {
    const { facts, keepReserve, releaseReserve, changed, log } = this.#options;
    const before = this.#condition;
    const now = conditionOf(await facts(), before);
    this.#condition = now;
    if (now.diskFull !== before.diskFull) changed(now);
    if (now.degraded !== before.degraded) {
      if (now.degraded === null) log.info("the agent is well again");
      else log.error("the agent is degraded", { why: now.degraded });
      void this.#telling.ask();
    }
    if (now.diskFull) await releaseReserve();
    else await keepReserve();
  }

  /** A hub that does not know the question cannot show the answer either. */
  async #tell(): Promise<void> {
    const { ask, isLinked } = this.#options;
    if (!isLinked()) return;
    try {
      await ask("condition", { degraded: this.#condition.degraded }, tellWithinMs);
    } catch (error) {
      if (!isPetrelError(error) || error.code !== "ASK_UNKNOWN") throw error;
    }
  }
}
