/** Executions asked for by hand: run, cancel. */
import { timestamp } from "../../shared/clock.ts";
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { suggestion } from "../../shared/nearest.ts";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { RunRequest } from "../operations.ts";
import type { Catalogue } from "../packs/catalogue.ts";
import type { Dispatch, Store } from "../store/store.ts";
import { step } from "./life.ts";
import { place } from "./place.ts";
import {
  createExecution,
  type ResolvedParameters,
  type RunnableAction,
  refuseUnrunnable,
} from "./request.ts";

export interface RunDeskOptions {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly catalogue: () => Catalogue;
  readonly resolve: (
    action: RunnableAction,
    supplied: JsonObject,
    user: string,
  ) => Promise<ResolvedParameters>;
  /** Moves parameters that are too large for an entry to a blob. */
  readonly shrink: (dispatches: readonly Dispatch[]) => Promise<readonly Dispatch[]>;
  readonly now: () => number;
  readonly newId: () => string;
}

const attempts = 20;
/** A run asked for by hand that has not reached its agent after an hour is not wanted any more. */
const expiresMs = 3_600_000;

export class RunDesk {
  readonly #options: RunDeskOptions;

  constructor(options: RunDeskOptions) {
    this.#options = options;
  }

  /** Everything is checked before the first execution is written; all of them are written in one batch. */
  async run({ action: ref, parameters, target, user, trace_tag }: RunRequest): Promise<readonly Execution[]> {
    const { store, registry, resolve, shrink, now, newId } = this.#options;
    const action = this.#action(ref);
    const resolved = await resolve(action, parameters, user).catch((error) => {
      throw withHint(error, `parameters of ${ref}`, `\`petrel action get ${ref}\` shows what it takes`);
    });
    const placement = place(target ?? "hub", { agent: null }, registry);
    if (!placement.found) {
      throw new PetrelError("RULE_TARGET", placement.reason, {
        where: "target",
        hint: "`petrel agent list` shows all agents with their labels, and who is online",
      });
    }
    const nowMs = now();
    const made = placement.agents.map((agent) =>
      createExecution({
        id: newId(),
        action,
        agent,
        resolved,
        nowMs,
        expiresAtMs: nowMs + expiresMs,
        user,
        rule: null,
        trigger_instance: null,
        enforcement: null,
        trace_tag: trace_tag ?? null,
        attempt: 1,
        rerun_of: null,
      }),
    );
    const executions = made.map(({ execution }) => execution);
    await store.createExecutions(executions, await shrink(made.map(({ dispatch }) => dispatch)));
    return executions;
  }

  /** Ends a waiting execution at once and asks the agent to end a running one. EXECUTION_FINAL when it has ended. */
  async cancel(id: string, user: string): Promise<Execution> {
    const { store, now, newId } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const execution = await store.execution(id);
      if (execution === null) {
        throw new PetrelError("NOT_FOUND", `no execution has the id ${id}`, {
          hint: "`petrel execution list` shows the latest",
        });
      }
      if (execution.status === "canceling") return execution;
      const reason = `canceled by ${user}`;
      const canceled = step(execution, { type: "cancel", at: now(), reason });
      if (!canceled.moved) {
        throw new PetrelError("EXECUTION_FINAL", `execution ${id} is ${execution.status} already`);
      }
      const dispatches: Dispatch[] =
        canceled.execution.status === "canceling"
          ? [
              {
                agent: execution.agent,
                entry: { kind: "cancel", id: newId(), at: timestamp(now()), execution: id, reason },
              },
            ]
          : [];
      if (await store.updateExecution(canceled.execution, execution.rev, dispatches))
        return canceled.execution;
    }
    throw new PetrelError(
      "STORE_WRITE",
      `execution ${id} changed under this request again and again; try again`,
    );
  }

  #action(ref: string): RunnableAction {
    const { actions } = this.#options.catalogue();
    const action = actions.get(ref);
    if (action === undefined) {
      throw new PetrelError("ACTION_UNKNOWN", `no action is called '${ref}'`, {
        hint: `${suggestion(ref, [...actions.keys()])}; \`petrel action list\` shows all`,
      });
    }
    refuseUnrunnable(action);
    return action;
  }
}

/** A refusal of the parameters' own making may be silent about where and what to do. */
function withHint(error: unknown, where: string, hint: string): unknown {
  if (!isPetrelError(error)) return error;
  return new PetrelError(error.code, error.message, {
    where: error.where ?? where,
    hint: error.hint ?? hint,
    cause: error,
  });
}
