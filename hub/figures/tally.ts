/** What the hub has done since it started, counted from the changes of its store; and its last chains. */
import { parseTimestamp } from "../../shared/clock.ts";
import type { Execution, Status } from "../../shared/model/execution.ts";
import { type IdleKind, idleKinds } from "../executions/update.ts";
import type { Change } from "../store/port/changes.ts";
import { Rate } from "./rate.ts";

/** One chain from its trigger to what became of its action. */
export interface Chain {
  readonly execution: string;
  /** `null`: started by hand. */
  readonly rule: string | null;
  readonly trigger_instance: string | null;
  readonly action: string;
  readonly agent: string;
  readonly status: Status;
  readonly reason: string | null;
  /** When the hub made it. */
  readonly created_at: string;
  /** Milliseconds from there to its end; `null` while it is open. */
  readonly took_ms: number | null;
}

interface AgentTally {
  readonly triggers: Rate;
  readonly executions: Rate;
  failed: number;
}

export interface AgentRates {
  readonly triggers_per_s: number;
  readonly executions_per_s: number;
  /** Executions that did not succeed, since the hub started. */
  readonly failed: number;
}

const mostChains = 100;
/** Changes that wait to be counted. They are those of a few chains, or of one batch of a hub at work. */
const mostUncounted = 64;
const ends: ReadonlySet<Status> = new Set(["succeeded", "failed", "timeout", "abandoned", "canceled"]);

/** Times are monotonic, in ms. */
export class Tally {
  readonly #agents = new Map<string, AgentTally>();
  readonly #triggers = new Rate();
  readonly #executions = new Rate();
  readonly #ended = new Map<Status, number>();
  /** Newest last. */
  readonly #chains = new Map<string, Chain>();
  #triggerCount = 0;
  #executionCount = 0;
  #gaps = 0;
  #throttled = 0;
  #throttledShared = 0;
  #digests = 0;
  /** Not counted yet. */
  #noted: { readonly changes: readonly Change[]; readonly atMs: number }[] = [];
  #uncounted = 0;
  readonly #idle = new Map<IdleKind, number>(idleKinds.map((kind) => [kind, 0]));

  /**
   * To be told every change of the store. They are counted when somebody asks, or many have come: those who wait for what
   * was written, and are told after this, need not wait for that.
   */
  note(changes: readonly Change[], nowMs: number): void {
    this.#noted.push({ changes, atMs: nowMs });
    this.#uncounted += changes.length;
    if (this.#uncounted >= mostUncounted) this.#catchUp();
  }

  #catchUp(): void {
    if (this.#uncounted === 0) return;
    const noted = this.#noted;
    this.#noted = [];
    this.#uncounted = 0;
    for (const { changes, atMs } of noted) this.#count(changes, atMs);
  }

  #count(changes: readonly Change[], nowMs: number): void {
    for (const change of changes) {
      if (change.type === "instance") {
        const { status, origin } = change.instance;
        // Told once more when it is judged.
        if (status !== "pending") this.#trigger(origin.agent, nowMs);
      } else if (change.type === "enforcement") {
        const { throttle, digest } = change.enforcement;
        if (throttle !== undefined) this.#throttled++;
        if (throttle?.shared) this.#throttledShared++;
        if (digest !== undefined) this.#digests++;
      } else if (change.type === "execution") this.#execution(change.execution, nowMs);
    }
  }

  gaps(count: number): void {
    this.#gaps += count;
  }

  /** Reports of agents that have changed nothing. */
  idleReports(kinds: readonly IdleKind[]): void {
    for (const kind of kinds) this.#idle.set(kind, (this.#idle.get(kind) ?? 0) + 1);
  }

  rates(agent: string, nowMs: number): AgentRates {
    this.#catchUp();
    const tally = this.#agents.get(agent);
    return {
      triggers_per_s: tally?.triggers.at(nowMs) ?? 0,
      executions_per_s: tally?.executions.at(nowMs) ?? 0,
      failed: tally?.failed ?? 0,
    };
  }

  totals(nowMs: number) {
    this.#catchUp();
    return {
      triggers: this.#triggerCount,
      executions: this.#executionCount,
      ended: Object.fromEntries(this.#ended),
      gaps: this.#gaps,
      throttled: this.#throttled,
      throttled_shared: this.#throttledShared,
      digests: this.#digests,
      reports_without_effect: Object.fromEntries(this.#idle),
      triggers_per_s: this.#triggers.at(nowMs),
      executions_per_s: this.#executions.at(nowMs),
    };
  }

  /** Those that changed last, newest first. */
  chains(limit: number): readonly Chain[] {
    this.#catchUp();
    return [...this.#chains.values()].slice(-limit).reverse();
  }

  #trigger(agent: string | null, nowMs: number): void {
    this.#triggerCount++;
    this.#triggers.add(nowMs);
    if (agent !== null) this.#of(agent).triggers.add(nowMs);
  }

  #execution(execution: Execution, nowMs: number): void {
    const { id, agent, status } = execution;
    const known = this.#chains.get(id);
    const isEnd = ends.has(status) && (known === undefined || !ends.has(known.status));
    if (execution.rev === 1) this.#executionCount++;
    // A result that came late changes a record that had ended long ago.
    if (isEnd && execution.late_result == null) {
      this.#executions.add(nowMs);
      this.#ended.set(status, (this.#ended.get(status) ?? 0) + 1);
      const tally = this.#of(agent);
      tally.executions.add(nowMs);
      if (status !== "succeeded") tally.failed++;
    }
    this.#chains.delete(id);
    this.#chains.set(id, chainOf(execution));
    if (this.#chains.size <= mostChains) return;
    const [oldest] = this.#chains.keys();
    if (oldest !== undefined) this.#chains.delete(oldest);
  }

  #of(agent: string): AgentTally {
    const known = this.#agents.get(agent);
    if (known !== undefined) return known;
    const made = { triggers: new Rate(), executions: new Rate(), failed: 0 };
    this.#agents.set(agent, made);
    return made;
  }
}

function chainOf(execution: Execution): Chain {
  const { id, rule, trigger_instance, action, agent, status, reason, created_at } = execution;
  const endedMs = parseTimestamp(execution.end_timestamp ?? "");
  const madeMs = parseTimestamp(created_at);
  const took_ms = endedMs === null || madeMs === null ? null : Math.max(0, endedMs - madeMs);
  return { execution: id, rule, trigger_instance, action, agent, status, reason, created_at, took_ms };
}
