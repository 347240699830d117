/** Which accepted request may run now: what people wait for before what rules want, the oldest first, within limits. */
import { Lane, type LanePlace } from "./lane.ts";
import { ActionLimits, hasRoom, type LimitSet } from "./limits.ts";

/** A request that waits; its text stays in the journal. */
export interface QueuedRequest {
  readonly execution: string;
  /** Bytes of the stored request. */
  readonly size: number;
  /** Ref of its action. */
  readonly action: string;
  /** Somebody asked for it; no rule did. */
  readonly byHand: boolean;
}

export interface QueueLimits {
  /** How many run at once. */
  readonly concurrency: number;
  /** How many at once of one action, by its ref, or of several together, by a pattern such as `backup.*`. */
  readonly actions: Readonly<Record<string, number>>;
  /** How many may be open (waiting or running) before the agent grants no more credit. */
  readonly maxOpen: number;
  /** Bytes of their stored requests. */
  readonly maxOpenBytes: number;
}

/** Requests stay on disk, so a full queue costs a few hundred kilobytes; controls behind them still get through. */
export const defaultQueueLimits: QueueLimits = {
  concurrency: 32,
  actions: {},
  maxOpen: 10_000,
  maxOpenBytes: 64 * 1024 * 1024,
};

/** So many runs by hand for one of a rule while both wait: people do not wait for a storm, and rules never starve. */
export const byHandForEachRule = 3;

/** Those under the same limits wait in one line: none of them may run while the first may not. */
interface LimitedLane {
  readonly set: LimitSet;
  readonly lane: Lane<QueuedRequest>;
}

type Lanes = Map<string, LimitedLane>;

/** Somebody who waits, and in which line. */
interface Candidate {
  readonly limited: LimitedLane;
  readonly place: LanePlace<QueuedRequest>;
}

/**
 * The waiting and the running, without any I/O. Each execution is in it at most once. What a `next` costs depends on
 * the number of limits, never on that of the waiting.
 */
export class RunQueue {
  readonly #limits: QueueLimits;
  readonly #actionLimits: ActionLimits;
  readonly #waiting = new Map<string, Candidate>();
  readonly #running = new Map<string, { readonly request: QueuedRequest; readonly set: LimitSet }>();
  readonly #byHand: Lanes = new Map();
  readonly #ofRules: Lanes = new Map();
  #openBytes = 0;
  #sequence = 0;
  /** Runs by hand since the last one of a rule. */
  #byHandInARow = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
    this.#actionLimits = new ActionLimits(limits.actions);
  }

  /** False when it is already waiting or running. */
  add(request: QueuedRequest): boolean {
    const { execution, action, byHand, size } = request;
    if (this.#waiting.has(execution) || this.#running.has(execution)) return false;
    const lanes = byHand ? this.#byHand : this.#ofRules;
    const set = this.#actionLimits.of(action);
    const limited = lanes.get(set.key) ?? { set, lane: new Lane<QueuedRequest>() };
    lanes.set(set.key, limited);
    const place = limited.lane.append(request, this.#sequence++);
    this.#waiting.set(execution, { limited, place });
    this.#openBytes += size;
    return true;
  }

  /** The one whose turn it is, now counted as running; `null` when none waits that may run. */
  next(): QueuedRequest | null {
    if (this.#running.size >= this.#limits.concurrency) return null;
    const byHand = oldest(this.#byHand);
    const ofRule = oldest(this.#ofRules);
    const isRulesTurn = ofRule !== null && (byHand === null || this.#byHandInARow >= byHandForEachRule);
    const chosen = isRulesTurn ? ofRule : byHand;
    if (chosen === null) return null;
    this.#byHandInARow = isRulesTurn ? 0 : this.#byHandInARow + 1;
    const request = chosen.place.holder;
    this.#takeOut(request.execution);
    const { set } = chosen.limited;
    for (const limit of set.limits) limit.running++;
    this.#running.set(request.execution, { request, set });
    return request;
  }

  /** Takes a waiting request out; false when it does not wait (any more). */
  withdraw(execution: string): boolean {
    const request = this.#takeOut(execution);
    if (request === null) return false;
    this.#openBytes -= request.size;
    return true;
  }

  /** A running one has ended: its place is free. */
  finish(execution: string): void {
    const running = this.#running.get(execution);
    if (running === undefined) return;
    this.#running.delete(execution);
    for (const limit of running.set.limits) limit.running--;
    this.#openBytes -= running.request.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Room left: what the agent tells the hub as its credit. */
  credit(): { readonly entries: number; readonly bytes: number } {
    const open = this.#waiting.size + this.#running.size;
    return {
      entries: Math.max(0, this.#limits.maxOpen - open),
      bytes: Math.max(0, this.#limits.maxOpenBytes - this.#openBytes),
    };
  }

  #takeOut(execution: string): QueuedRequest | null {
    const waiting = this.#waiting.get(execution);
    if (waiting === undefined) return null;
    this.#waiting.delete(execution);
    waiting.limited.lane.remove(waiting.place);
    return waiting.place.holder;
  }
}

/** Of all lines whose first may run, the one that has waited longest. */
function oldest(lanes: Lanes): Candidate | null {
  let found: Candidate | null = null;
  for (const limited of lanes.values()) {
    const { first } = limited.lane;
    if (first === null || !hasRoom(limited.set)) continue;
    if (found === null || first.sequence < found.place.sequence) found = { limited, place: first };
  }
  return found;
}
