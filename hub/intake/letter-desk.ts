/** Dead letters tried again or dropped. */
import { PetrelError } from "../../shared/errors.ts";
import { isObject, type Json } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { UpEntry } from "../../shared/wire/messages.ts";
import { openedLetterEntry, withLeftOut } from "../secrets/sealed-letter.ts";
import type { DeadLetter } from "../store/port/history.ts";
import type { Effect } from "../store/port/intake.ts";
import type { Store } from "../store/store.ts";
import type { TakeContext } from "./take-entries.ts";
import { takeEntries } from "./take-entries.ts";

export interface LetterDeskOptions {
  readonly store: Store;
  /** As for a packet of this agent; `null` when the agent is unknown. */
  readonly context: (agent: string) => Promise<TakeContext | null>;
}

export class LetterDesk {
  readonly #options: LetterDeskOptions;

  constructor(options: LetterDeskOptions) {
    this.#options = options;
  }

  /**
   * Takes the letter's entry in with today's rules and packs, then forgets the letter. What is of no use still is
   * refused with its reason, and the letter stays.
   */
  async retry(id: string): Promise<Json> {
    const { store, context } = this.#options;
    const letter = await this.#known(id);
    const takeContext = await context(letter.agent);
    if (takeContext === null)
      throw new PetrelError("AGENT_UNKNOWN", `agent ${letter.agent} is not known any more`);
    const entry = upEntryOf({ ...letter, entry: openedLetterEntry(letter.entry, takeContext.sealer) });
    const effects = await takeEntries([{ n: 1, last: 1, entry, size: 0 }], takeContext);
    const done: string[] = [];
    for (const effect of effects) done.push(await this.#carryOut(effect, letter));
    await store.dropDeadLetter(id);
    return { id, done };
  }

  async drop(id: string): Promise<void> {
    await this.#known(id);
    await this.#options.store.dropDeadLetter(id);
  }

  async #known(id: string): Promise<DeadLetter> {
    const letter = await this.#options.store.deadLetter(id);
    if (letter !== null) return letter;
    throw new PetrelError("NOT_FOUND", `no dead letter has the id ${id}`, {
      hint: "`petrel dead-letter list` shows all",
    });
  }

  /** With what its letter has lost. */
  async #told(execution: Execution, { left_out = [] }: DeadLetter): Promise<Execution> {
    if (left_out.length === 0) return execution;
    return withLeftOut(await this.#options.store.execution(execution.id), execution, left_out);
  }

  async #carryOut(effect: Effect, letter: DeadLetter): Promise<string> {
    const { store } = this.#options;
    const changed = () => new PetrelError("STORE_WRITE", "a record changed under this request; try again");
    switch (effect.type) {
      case "outcome":
        return (await store.emit(effect.outcome))
          ? `trigger instance ${effect.outcome.instance.id}`
          : "known already";
      case "instance":
        return (await store.emit({
          instance: effect.instance,
          enforcements: [],
          executions: [],
          dispatches: [],
        }))
          ? `trigger instance ${effect.instance.id}`
          : "known already";
      case "execution":
        if (!(await store.updateExecution(await this.#told(effect.execution, letter), effect.expectRev)))
          throw changed();
        return `execution ${effect.execution.id}`;
      case "agent":
        if (!(await store.putAgent(effect.agent, effect.expectRev))) throw changed();
        return `agent ${effect.agent.id}`;
      case "upgrade-report":
        // What an agent says of it now counts, not what it once said.
        return "nothing: the upgrade it tells of is long over";
      case "recovered":
        await store.createExecutions([await this.#told(effect.execution, letter)], []);
        return `execution ${effect.execution.id}`;
      case "job":
        await store.schedule(effect.job);
        return `job ${effect.job.kind}`;
      case "dead-letter":
        throw new PetrelError("WIRE_PACKET", `it is of no use still: ${effect.letter.reason}`, {
          where: letter.id,
          hint: "`petrel dead-letter drop` removes it",
        });
      case "sensor":
      case "gap":
        return "news of a moment that has passed";
    }
  }
}

function upEntryOf(letter: DeadLetter): UpEntry {
  if (
    isObject(letter.entry) &&
    typeof letter.entry.kind === "string" &&
    typeof letter.entry.id === "string"
  ) {
    // It passed the wire's schema once, or is of a kind that takeEntries refuses by name.
    return letter.entry as unknown as UpEntry;
  }
  throw new PetrelError("WIRE_PACKET", "the letter's entry is not whole", { where: letter.id });
}
