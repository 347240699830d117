/** Executions that people stop, hold and let go on. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { mayPause } from "../../shared/packs/runners.ts";
import type { Dispatch } from "../store/port/ledgers.ts";
import type { Store } from "../store/store.ts";
import { type EventType, isFinal, step } from "./life.ts";

export interface ControlDeskOptions {
  readonly store: Pick<Store, "execution" | "updateExecution">;
  readonly now: () => number;
  readonly newId: () => string;
}

type Wish = Extract<EventType, "cancel" | "pause" | "resume">;

const attempts = 20;
/** What an execution is while a wish is on its way to its agent. */
const underWay = { cancel: "canceling", pause: "pausing", resume: "resuming" } as const;
const done = { cancel: "canceled", pause: "paused", resume: "resumed" } as const;

/** Every method throws NOT_FOUND, and EXECUTION_FINAL when it has ended. A wish that is under way is not told twice. */
export class ControlDesk {
  readonly #options: ControlDeskOptions;

  constructor(options: ControlDeskOptions) {
    this.#options = options;
  }

  /** Ends a waiting execution at once and asks the agent to end a running one. */
  cancel(id: string, user: string): Promise<Execution> {
    return this.#ask(id, "cancel", user);
  }

  /** Has a running one held, its time included. EXECUTION_STATE when it does not run, or its runner cannot. */
  pause(id: string, user: string): Promise<Execution> {
    return this.#ask(id, "pause", user);
  }

  /** EXECUTION_STATE when it is not paused. */
  resume(id: string, user: string): Promise<Execution> {
    return this.#ask(id, "resume", user);
  }

  async #ask(id: string, wish: Wish, user: string): Promise<Execution> {
    const { store, now, newId } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const execution = await store.execution(id);
      if (execution === null) {
        throw new PetrelError("NOT_FOUND", `no execution has the id ${id}`, {
          hint: "`petrel execution list` shows the latest",
        });
      }
      if (execution.status === underWay[wish]) return execution;
      const reason = `${done[wish]} by ${user}`;
      const next = step(execution, { type: wish, at: now(), reason });
      if (!next.moved) throw refusal(execution, wish);
      if (wish === "pause" && !mayPause(execution.runner)) {
        throw new PetrelError("EXECUTION_STATE", `the runner ${execution.runner} cannot be paused`, {
          where: id,
        });
      }
      const entry = { kind: wish, id: newId(), at: timestamp(now()), execution: id, reason };
      const isOnAgent = next.execution.status === underWay[wish] && execution.fan_out === undefined;
      const dispatches: Dispatch[] = isOnAgent ? [{ agent: execution.agent, entry }] : [];
      if (await store.updateExecution(next.execution, execution.rev, dispatches)) return next.execution;
    }
    throw new PetrelError(
      "STORE_WRITE",
      `execution ${id} changed under this request again and again; try again`,
    );
  }
}

function refusal({ id, status }: Execution, wish: Wish): PetrelError {
  if (isFinal(status)) return new PetrelError("EXECUTION_FINAL", `execution ${id} is ${status} already`);
  const hint = wish === "pause" ? "only what runs can be paused" : "only what is paused can be resumed";
  return new PetrelError("EXECUTION_STATE", `execution ${id} is ${status}`, { hint });
}
