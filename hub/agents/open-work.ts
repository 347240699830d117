/**
 * Asks an agent about executions of which it will say nothing by itself: its store was rolled back to an older copy, or
 * what it had to say was lost on the way to a hub that was restored from one.
 */
import { timestamp } from "../../shared/clock.ts";
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { Execution, Status } from "../../shared/model/execution.ts";
import type { Timers } from "../../shared/timers.ts";
import { entryProblem } from "../../shared/wire/codec.ts";
import type { ExecutionUpdateEntry } from "../../shared/wire/messages.ts";
import { step } from "../executions/life.ts";
import { fetchJobs } from "../executions/result-blobs.ts";
import { applyUpdate } from "../executions/update.ts";
import { withSealedResult } from "../secrets/sealed-execution.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Store } from "../store/store.ts";

export interface OpenWorkOptions {
  readonly store: Pick<
    Store,
    "openExecutions" | "execution" | "updateExecution" | "schedule" | "downEpochs" | "readDown"
  >;
  readonly ask: (agent: string, op: string, args: JsonObject, withinMs: number) => Promise<Json>;
  /** The agent's clock minus the hub's, in ms. */
  readonly skewMs: (agent: string) => number;
  readonly sealer: Sealer;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly timers: Timers;
  readonly log: Logger;
}

/** In these an agent has been sent the request; before, it waits here. */
const sent: ReadonlySet<Status> = new Set([
  "scheduled",
  "running",
  "canceling",
  "pausing",
  "paused",
  "resuming",
]);
/** After a greeting an agent says what it has to say; only what is open still is worth a question. */
const afterMs = 10_000;
const withinMs = 15_000;
/** Questions of one look: what is open beyond that is asked for after the next greeting. */
const most = 2_000;
const page = 512;

export const unknownReason = "the agent does not know it: its store was rolled back or lost";

/**
 * The execution as it is after the agent's answer to `execution-status`; `null` when nothing is to be changed. Pure.
 * A report that no entry could carry fails it.
 * What the agent has never heard of will not run any more, and may have run.
 */
export function answered(
  open: Execution,
  answer: Json,
  nowMs: number,
  skewMs: number,
  sealer: Sealer,
): Execution | null {
  if (!isObject(answer)) return null;
  if (answer.phase === "unknown") {
    const lost = step(open, { type: "lose", at: nowMs, reason: unknownReason });
    return lost.moved ? lost.execution : null;
  }
  if (answer.phase !== "settled" || !isObject(answer.result)) return null;
  // The agent's own record of what it has told once in an entry of the same fields: checked like that one.
  const at = timestamp(nowMs);
  const update = { ...answer.result, kind: "execution-update", id: open.id, at, execution: open.id };
  const problem = entryProblem("up", update);
  if (problem !== null || !isUpdate(update)) {
    // Most likely what was parked there, since this hub had refused it: it will never be told in another way.
    const reason = `WIRE_PACKET: the agent's report of how it ended is of no use: ${problem}`;
    const failed = step(open, { type: "fail", at: nowMs, reason: reason.slice(0, 1_000) });
    return failed.moved ? failed.execution : null;
  }
  const applied = applyUpdate(open, update, nowMs, skewMs);
  return applied.changed ? withSealedResult(open, applied.execution, sealer, update.result_key) : null;
}

/** For the compiler: `entryProblem` has seen to the rest. */
function isUpdate(update: { readonly kind: string }): update is ExecutionUpdateEntry {
  return update.kind === "execution-update";
}

export class OpenWork {
  readonly #options: OpenWorkOptions;
  readonly #planned = new Map<string, () => void>();
  readonly #looking = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: OpenWorkOptions) {
    this.#options = options;
  }

  /** To be called when both hellos are answered: looks a while later. */
  greeted(agent: string): void {
    if (this.#isClosed) return;
    this.#planned.get(agent)?.();
    const cancel = this.#options.timers.after(afterMs, () => {
      this.#planned.delete(agent);
      const done = this.#look(agent)
        .catch((error) => {
          // After its next greeting it is asked again.
          this.#options.log.warn("an agent could not be asked about what is open", { agent, error });
        })
        .finally(() => this.#looking.delete(done));
      this.#looking.add(done);
    });
    this.#planned.set(agent, cancel);
  }

  /** To be called after the links are closed: nobody is asked any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#planned.values()) cancel();
    await Promise.all(this.#looking);
  }

  async #look(agent: string): Promise<void> {
    const { store, ask, log } = this.#options;
    const open = (await store.openExecutions(agent)).filter(({ status }) => sent.has(status));
    if (open.length === 0) return;
    // Read after the executions: a request that is in neither has been receipted.
    const waiting = await this.#waiting(agent);
    for (const { id } of open.filter((each) => !waiting.has(each.id)).slice(0, most)) {
      const answer = await ask(agent, "execution-status", { execution: id }, withinMs);
      if (await this.#settle(id, answer))
        log.warn("what an agent was asked about is settled", { agent, execution: id });
    }
  }

  async #settle(id: string, answer: Json): Promise<boolean> {
    const { store, now, skewMs, sealer } = this.#options;
    const open = await store.execution(id);
    if (open === null) return false;
    const next = answered(open, answer, now(), skewMs(open.agent), sealer);
    if (next === null) return false;
    for (const job of fetchJobs(open, next, now())) await store.schedule(job);
    return store.updateExecution(next, open.rev);
  }

  /** Executions whose requests the agent has not receipted. */
  async #waiting(agent: string): Promise<ReadonlySet<string>> {
    const { store } = this.#options;
    const waiting = new Set<string>();
    for (const { id, first, last } of await store.downEpochs(agent)) {
      for (let from = first; from <= last; ) {
        const rows = await store.readDown(agent, id, from, page, 4 * 1024 * 1024);
        for (const { entry } of rows) if (entry.kind === "action-request") waiting.add(entry.execution);
        from = (rows.at(-1)?.last ?? last) + 1;
      }
    }
    return waiting;
  }
}
