/** Waits until executions have ended, and follows those that a policy tries again to their last attempt. */
import { setTimeout as sleep } from "node:timers/promises";
import { PetrelError } from "../../../shared/errors.ts";
import { isFinal } from "../../executions/life.ts";
import type { ExecutionView } from "../../http/views.ts";
import type { ApiClient } from "../api-client-http.ts";

/** Milliseconds between two looks at an execution: short at first, most actions are. */
const firstLookMs = 30;
const slowestLookMs = 1000;
/** A large result follows its execution's end; it is waited for this long, since its agent may have gone. */
const resultWaitMs = 30_000;
/** Milliseconds. The next attempt is made at once; when it is not there by then its action has gone. */
export const attemptWaitMs = 10_000;
/** Ids asked for at once: as many as the hub takes. */
const idsAtOnce = 100;

export interface Waited {
  readonly execution: ExecutionView;
  /** It has ended, and nothing comes after it. */
  readonly isOver: boolean;
}

interface WaitParts {
  readonly api: Pick<ApiClient, "ask">;
  readonly waitMs: number;
  /** Called after each look, in the order in which they were started. */
  readonly look: (seen: readonly ExecutionView[]) => void;
  /** An execution did not succeed, and `next` is its next attempt. */
  readonly again: (before: ExecutionView, next: ExecutionView) => void;
}

const hasEnded = ({ status }: ExecutionView) => isFinal(status);
const isWhole = (execution: ExecutionView) =>
  hasEnded(execution) && (execution.result !== null || execution.result_blob === null);

/** Looks until all are over or the time is; what is not over is given as it was seen last. */
export async function waitForAll(
  started: readonly ExecutionView[],
  { api, waitMs, look, again }: WaitParts,
): Promise<readonly Waited[]> {
  const watched = started.map((execution) => new Watched(execution));
  let deadline = performance.now() + waitMs;
  let areEnded = false;
  for (let pauseMs = firstLookMs; ; pauseMs = Math.min(pauseMs * 1.5, slowestLookMs)) {
    const open = watched.filter((each) => !each.isWhole());
    const found = await lookAt(
      api,
      open.map((each) => each.wanted()),
    );
    for (const each of open) {
      const next = found.get(each.wanted());
      if (next !== undefined && next.id !== each.execution.id) again(each.execution, next);
      each.saw(next, performance.now());
    }
    look(watched.map(({ execution }) => execution));
    if (!areEnded && watched.every((each) => each.isOver())) {
      areEnded = true;
      deadline = Math.min(deadline, performance.now() + resultWaitMs);
    }
    const left = deadline - performance.now();
    if (left <= 0 || watched.every((each) => each.isWhole())) {
      return watched.map((each) => ({ execution: each.execution, isOver: each.isOver() }));
    }
    await sleep(Math.min(pauseMs, left));
  }
}

/** Those of these that are there. A thousand executions are ten questions; a large result is asked for alone. */
async function lookAt(
  api: Pick<ApiClient, "ask">,
  ids: readonly string[],
): Promise<ReadonlyMap<string, ExecutionView>> {
  const found = new Map<string, ExecutionView>();
  for (let first = 0; first < ids.length; first += idsAtOnce) {
    const query = { ids: ids.slice(first, first + idsAtOnce).join(","), limit: idsAtOnce };
    const { items } = await api.ask<{ items: readonly ExecutionView[] }>("GET", "/v1/executions", { query });
    for (const item of items) {
      const isLarge = hasEnded(item) && !isWhole(item);
      found.set(
        item.id,
        isLarge ? await api.ask("GET", `/v1/executions/${encodeURIComponent(item.id)}`) : item,
      );
    }
  }
  return found;
}

/** One that was started, by now perhaps another attempt of it. */
class Watched {
  execution: ExecutionView;
  #missingSince: number | null = null;
  #isGivenUp = false;

  constructor(execution: ExecutionView) {
    this.execution = execution;
  }

  /** The id to look at. */
  wanted(): string {
    const { id, next_attempt } = this.execution;
    return next_attempt === undefined || this.#isGivenUp ? id : next_attempt;
  }

  saw(found: ExecutionView | undefined, nowMs: number): void {
    if (found !== undefined) {
      this.execution = found;
      this.#missingSince = null;
      return;
    }
    if (this.wanted() === this.execution.id) {
      throw new PetrelError("NOT_FOUND", `execution ${this.execution.id} is not there any more`, {
        hint: "the hub's `history` settings say for how long executions are kept",
      });
    }
    this.#missingSince ??= nowMs;
    if (nowMs - this.#missingSince > attemptWaitMs) this.#isGivenUp = true;
  }

  isOver(): boolean {
    return hasEnded(this.execution) && (this.execution.next_attempt === undefined || this.#isGivenUp);
  }

  isWhole(): boolean {
    return this.isOver() && isWhole(this.execution);
  }
}
