/** Goes on with every fan-out: after each end of a child, a cancel, a restart. */
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Catalogue } from "../packs/catalogue.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Dispatch } from "../store/port/ledgers.ts";
import type { Store } from "../store/store.ts";
import { childrenOf } from "./children.ts";
import {
  type Child,
  childId,
  conclusionOf,
  manyAgents,
  nextAgents,
  openChildren,
  progressOf,
} from "./fan-out.ts";
import { isFinal, step } from "./life.ts";
import { createExecution, parametersAgain, type ResolvedParameters } from "./request.ts";

export interface FanOutsOptions {
  readonly store: Pick<
    Store,
    "execution" | "openExecutions" | "createExecutions" | "updateExecution" | "subscribeChanges"
  >;
  readonly catalogue: () => Pick<Catalogue, "actions">;
  /** Resolves when changed packs are in force. */
  readonly settled: () => Promise<void>;
  readonly shrink: (dispatches: readonly Dispatch[]) => Promise<readonly Dispatch[]>;
  readonly cancel: (execution: string, user: string) => Promise<unknown>;
  readonly sealer: Sealer;
  readonly now: () => number;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

/** Milliseconds after which a child that has not reached its agent is not wanted any more. */
const expiresMs = 3_600_000;
/** Children made in one batch. */
const atOnce = 200;

/**
 * What is to be done follows from the records of parent and children, whose ids follow from the parent's: a restart finds
 * the same, and nothing is made twice. Several hubs may do it at once.
 */
export class FanOuts {
  readonly #options: FanOutsOptions;
  readonly #rounds: Rounds;
  readonly #stopListening: () => void;
  /** The last attempt on each agent, by parent. */
  readonly #children = new Map<string, Map<string, Child>>();
  readonly #news = new Set<string>();
  #all = true;

  constructor(options: FanOutsOptions) {
    this.#options = options;
    this.#rounds = new Rounds({
      timers: options.timers,
      jitter: options.jitter,
      work: () => this.#work(),
      failed: (error, retryMs) =>
        options.log.error("fan-outs cannot go on yet", { error, retry_in_ms: retryMs }),
    });
    this.#stopListening = options.store.subscribeChanges(
      (changes) => {
        let news = false;
        for (const change of changes) {
          if (change.type === "reopened") {
            this.#all = true;
            news = true;
          } else if (change.type === "execution") news = this.#heard(change.execution) || news;
        }
        if (news) void this.#rounds.ask();
      },
      ["execution"],
    );
    void this.#rounds.ask();
  }

  close(): Promise<void> {
    this.#stopListening();
    return this.#rounds.stop();
  }

  #heard(execution: Execution): boolean {
    if (execution.fan_out !== undefined) this.#news.add(execution.id);
    else if (execution.parent !== undefined) {
      note(this.#children.get(execution.parent), execution);
      this.#news.add(execution.parent);
    } else return false;
    return true;
  }

  async #work(): Promise<void> {
    if (this.#all) {
      await this.#options.settled();
      this.#children.clear();
      for (const { id } of await this.#options.store.openExecutions(manyAgents)) this.#news.add(id);
      this.#all = false;
    }
    for (const id of [...this.#news]) {
      this.#news.delete(id);
      try {
        await this.#advance(id);
      } catch (error) {
        this.#news.add(id);
        throw error;
      }
    }
  }

  async #advance(id: string): Promise<void> {
    const { store } = this.#options;
    const parent = await store.execution(id);
    if (parent === null || parent.fan_out === undefined || isFinal(parent.status)) {
      this.#children.delete(id);
      return;
    }
    const children = this.#children.get(id) ?? (await this.#read(parent));
    if (parent.status === "canceling") await this.#cancelAll(parent, children);
    const refusal = await this.#start(parent, nextAgents(parent, children), children);
    await this.#update(parent, children, refusal);
  }

  /** As they are on disk; what is told while they are read is newer. */
  async #read(parent: Execution): Promise<Map<string, Child>> {
    const children = new Map<string, Child>();
    this.#children.set(parent.id, children);
    try {
      for await (const child of childrenOf(this.#options.store, parent)) note(children, child);
    } catch (error) {
      this.#children.delete(parent.id);
      throw error;
    }
    return children;
  }

  async #cancelAll(parent: Execution, children: ReadonlyMap<string, Child>): Promise<void> {
    const { cancel } = this.#options;
    for (const { id, status } of openChildren(children)) {
      if (status === "canceling" || isFinal(status)) continue;
      try {
        await cancel(id, parent.user);
      } catch (error) {
        // It has ended meanwhile, which is as well.
        if (!isPetrelError(error) || error.code !== "EXECUTION_FINAL") throw error;
      }
    }
  }

  /** Resolves to why none can be started any more; `null` when all is well. */
  async #start(
    parent: Execution,
    agents: readonly string[],
    children: Map<string, Child>,
  ): Promise<string | null> {
    if (agents.length === 0) return null;
    const { store, catalogue, shrink, sealer, now } = this.#options;
    const action = catalogue().actions.get(parent.action);
    if (action === undefined) return `ACTION_UNKNOWN: action ${parent.action} is not registered any more`;
    let resolved: ResolvedParameters;
    try {
      resolved = parametersAgain(action, parent, sealer);
    } catch (error) {
      // Secrets whose key is gone.
      if (!isPetrelError(error)) throw error;
      return `${error.code}: ${error.message}`;
    }
    const nowMs = now();
    for (let first = 0; first < agents.length; first += atOnce) {
      const made = agents.slice(first, first + atOnce).map((agent) =>
        createExecution(
          {
            id: childId(parent.id, agent),
            action,
            agent,
            resolved,
            nowMs,
            expiresAtMs: nowMs + expiresMs,
            user: parent.user,
            rule: parent.rule,
            trigger_instance: parent.trigger_instance,
            enforcement: parent.enforcement,
            trace_tag: parent.trace_tag,
            attempt: 1,
            rerun_of: null,
            parent: parent.id,
            ...(parent.lineage !== undefined && { lineage: parent.lineage }),
          },
          sealer,
        ),
      );
      const executions = made.map(({ execution }) => execution);
      await store.createExecutions(executions, await shrink(made.map(({ dispatch }) => dispatch)));
      for (const { id } of executions) {
        const child = await store.execution(id);
        if (child !== null) note(children, child);
      }
    }
    return null;
  }

  async #update(
    parent: Execution,
    children: ReadonlyMap<string, Child>,
    refusal: string | null,
  ): Promise<void> {
    const { store, now } = this.#options;
    const plan = parent.fan_out;
    if (plan === undefined) return;
    const { started, succeeded, failed, open } = progressOf(children);
    const fan_out = { ...plan, started, succeeded, failed };
    const ends =
      refusal !== null && open === 0
        ? ({ type: "fail", reason: refusal } as const)
        : refusal !== null
          ? null
          : conclusionOf(parent, children);
    let next: Execution = { ...parent, fan_out, rev: parent.rev + 1 };
    if (ends !== null) {
      const ended = step({ ...parent, fan_out, result: resultOf(parent, children) }, { ...ends, at: now() });
      if (!ended.moved) throw new PetrelError("INTERNAL", `fan-out ${parent.id}: ${ended.reason}`);
      next = ended.execution;
    } else if (started === plan.started && succeeded === plan.succeeded && failed === plan.failed) {
      return;
    }
    // Somebody else changed it meanwhile: that is told too, and looked at again.
    if (!(await store.updateExecution(next, parent.rev))) this.#again(parent.id);
  }

  #again(id: string): void {
    this.#news.add(id);
    void this.#rounds.ask();
  }
}

function note(children: Map<string, Child> | undefined, execution: Execution): void {
  if (children === undefined) return;
  const { id, agent, status, policies, attempt, start_timestamp, reason, rev } = execution;
  const known = children.get(agent);
  if (known !== undefined && (known.attempt > attempt || (known.id === id && known.rev > rev))) return;
  children.set(agent, { id, status, policies, attempt, start_timestamp, reason, rev });
}

function resultOf({ fan_out }: Execution, children: ReadonlyMap<string, Child>): Json {
  const { succeeded, failed } = progressOf(children);
  const agents = fan_out?.agents ?? [];
  return {
    succeeded,
    failed,
    not_started: agents.length - children.size,
    agents: Object.fromEntries(agents.map((agent) => [agent, children.get(agent)?.status ?? null])),
  };
}
