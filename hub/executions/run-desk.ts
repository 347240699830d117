/** Executions asked for by hand: run, look at what a run would be, run again. */
import { timestamp } from "../../shared/clock.ts";
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { suggestion } from "../../shared/nearest.ts";
import { actionParameters } from "../../shared/packs/action-parameters.ts";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { RerunRequest, RunRequest } from "../operations.ts";
import type { Catalogue } from "../packs/catalogue.ts";
import { startHeldJob } from "../policies/job-kinds.ts";
import { openedParameters, refuseMasks } from "../secrets/sealed-execution.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Dispatch } from "../store/port/ledgers.ts";
import type { Store } from "../store/store.ts";
import { rolloutExecution } from "./fan-out.ts";
import { place } from "./place.ts";
import { previewOf, type RunPreview } from "./preview.ts";
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
  readonly sealer: Sealer;
  readonly now: () => number;
  readonly newId: () => string;
}

/** A run asked for by hand that has not reached its agent an hour after its time is not wanted any more. */
const expiresMs = 3_600_000;

interface Prepared {
  readonly action: RunnableAction;
  readonly resolved: ResolvedParameters;
  readonly agents: readonly string[];
  readonly nowMs: number;
  /** Absent: at once. */
  readonly startAtMs: number | undefined;
}

export class RunDesk {
  readonly #options: RunDeskOptions;

  constructor(options: RunDeskOptions) {
    this.#options = options;
  }

  /**
   * Everything is checked before the first execution is written; all of them are written in one batch. With `roll_out`
   * it is one that starts the others.
   */
  async run(request: RunRequest): Promise<readonly Execution[]> {
    const { store, shrink, sealer, newId } = this.#options;
    const prepared = await this.#prepare(request);
    const { user, trace_tag, roll_out } = request;
    const wanted = { user, trace_tag: trace_tag ?? null, attempt: 1, rerun_of: null };
    if (roll_out !== undefined) {
      const { agents, startAtMs } = prepared;
      const base = { ...this.#base(prepared), ...wanted, id: newId(), agents };
      const parent = rolloutExecution(base, roll_out, sealer);
      if (startAtMs !== undefined) {
        // Before the record: a job that finds none does nothing.
        const data = { execution: parent.id };
        await store.schedule({
          id: `${startHeldJob}/${parent.id}`,
          kind: startHeldJob,
          dueAt: startAtMs,
          data,
        });
      }
      await store.createExecutions([parent], []);
      return [parent];
    }
    const made = prepared.agents.map((agent) =>
      createExecution({ ...this.#base(prepared), ...wanted, id: newId(), agent }, sealer),
    );
    const executions = made.map(({ execution }) => execution);
    await store.createExecutions(executions, await shrink(made.map(({ dispatch }) => dispatch)));
    return this.#asStored(executions);
  }

  /** Checks everything as `run` does, and writes nothing. */
  async preview(request: RunRequest): Promise<RunPreview> {
    const { action, resolved, agents, startAtMs } = await this.#prepare(request);
    return previewOf(action, resolved, agents, startAtMs === undefined ? null : timestamp(startAtMs));
  }

  /** The same action on the same agent, with the old parameters but for those that are given. NOT_FOUND; PARAMETER_INVALID. */
  async rerun(id: string, { parameters, ...request }: RerunRequest): Promise<Execution> {
    const { store, shrink, sealer, newId } = this.#options;
    const before = await store.execution(id);
    if (before === null) {
      throw new PetrelError("NOT_FOUND", `no execution has the id ${id}`, {
        hint: "`petrel execution list` shows the latest",
      });
    }
    if (before.fan_out !== undefined) {
      throw new PetrelError("EXECUTION_STATE", `execution ${id} ran others; run its action again instead`);
    }
    const action = this.#action(before.action);
    const schemas = actionParameters(action.definition);
    // What is fixed by the action comes from its definition, and what nobody gave from its defaults.
    const kept = Object.entries(openedParameters(before, sealer)).filter(
      ([name, value]) => value !== null && Object.hasOwn(schemas, name) && schemas[name]?.immutable !== true,
    );
    const supplied = { ...Object.fromEntries(kept), ...parameters };
    refuseMasks(action.definition, supplied);
    const target = { host: before.agent };
    const prepared = await this.#prepare({ ...request, action: before.action, parameters: supplied, target });
    const wanted = {
      ...this.#base(prepared),
      id: newId(),
      agent: prepared.agents[0] ?? before.agent,
      user: request.user,
      trace_tag: before.trace_tag,
      attempt: 1,
      rerun_of: before.id,
    };
    const { execution, dispatch } = createExecution(wanted, sealer);
    await store.createExecutions([execution], await shrink([dispatch]));
    return (await this.#asStored([execution]))[0] ?? execution;
  }

  /** What a policy, a delay or a full ledger makes of them is decided where they are written. */
  async #asStored(executions: readonly Execution[]): Promise<readonly Execution[]> {
    const { store } = this.#options;
    const isPlain = ({ policies, start_at }: Execution) => policies === undefined && start_at === undefined;
    if (executions.every(isPlain)) return executions;
    return Promise.all(executions.map(async (each) => (await store.execution(each.id)) ?? each));
  }

  #base({ action, resolved, nowMs, startAtMs }: Prepared) {
    return {
      action,
      resolved,
      nowMs,
      startAtMs,
      expiresAtMs: (startAtMs ?? nowMs) + expiresMs,
      rule: null,
      trigger_instance: null,
      enforcement: null,
    };
  }

  async #prepare({ action: ref, parameters, target, user, ...when }: RunRequest): Promise<Prepared> {
    const { registry, resolve, now } = this.#options;
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
    const startAtMs = when.delay === undefined ? when.start_at_ms : nowMs + when.delay * 1000;
    return {
      action,
      resolved,
      agents: placement.agents,
      nowMs,
      startAtMs: startAtMs !== undefined && startAtMs > nowMs ? startAtMs : undefined,
    };
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
