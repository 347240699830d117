/** Fires the timers of rules: each occurrence makes one trigger instance, whatever dies meanwhile. */
import { parseTimestamp, timestamp } from "../../shared/clock.ts";
import type { Json } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { Rounds } from "../../shared/rounds.ts";
import { type CatchUp, dueNow } from "../../shared/schedules/missed.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Outcome } from "../store/port/intake.ts";
import type { Store } from "../store/store.ts";
import {
  newState,
  occurrenceOf,
  readState,
  scheduleOf,
  type Timer,
  type TimerState,
  type TimerView,
  timersOf,
  timerView,
} from "./timer-book.ts";

export interface TimekeeperOptions {
  readonly store: Pick<Store, "ruleSet" | "setting" | "putSetting" | "emit" | "subscribeChanges">;
  readonly judge: (instance: TriggerInstance, skewMs: number) => Promise<Outcome>;
  /** Resolves when changed rules are in force: an occurrence must meet the rules that it comes for. */
  readonly settled: () => Promise<void>;
  readonly catchUp: CatchUp;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

/** The clock may be set while a timer waits: it is looked at again after so long. */
const lookMs = 5_000;
/** Names every timer that has a state, so that what no rule wants any more is found and forgotten. */
const indexSetting = "timers";
const settingOf = (id: string) => `timer/${id}`;

const idsIn = (json: Json): readonly string[] =>
  Array.isArray(json) ? json.filter((id) => typeof id === "string") : [];

/**
 * An occurrence is first made, then noted as fired; who dies in between makes it again, under the same id, and the store
 * leaves it as it is. So the order of the two writes is all that this rests on, and several hubs may do it at once.
 */
export class Timekeeper {
  readonly #options: TimekeeperOptions;
  readonly #rounds: Rounds;
  readonly #stopListening: () => void;
  #timers: readonly Timer[] = [];
  readonly #states = new Map<string, TimerState>();
  #isStale = true;
  #cancel = () => {};

  constructor(options: TimekeeperOptions) {
    this.#options = options;
    const { store, timers, jitter, log } = options;
    this.#rounds = new Rounds({
      timers,
      jitter,
      work: () => this.#round(),
      failed: (error, retryMs) => log.error("timers could not be fired yet", { error, retry_in_ms: retryMs }),
    });
    this.#stopListening = store.subscribeChanges(() => {
      this.#isStale = true;
      void this.#rounds.ask();
    }, ["rules", "pack"]);
  }

  /** Fires what is due, from now on; resolves when that has been tried with what is due already. */
  start(): Promise<void> {
    return this.#rounds.ask();
  }

  /** Resolves when rules that were changed have their timers. */
  settled(): Promise<void> {
    return this.#isStale ? this.#rounds.ask() : this.#rounds.settled();
  }

  /** All of them, those of disabled rules too. */
  list(): readonly TimerView[] {
    return this.#timers.map((timer) => timerView(timer, this.#states.get(timer.id) ?? null));
  }

  async stop(): Promise<void> {
    this.#stopListening();
    const ended = this.#rounds.stop();
    this.#cancel();
    await ended;
    this.#cancel();
  }

  async #round(): Promise<void> {
    if (this.#isStale) {
      this.#isStale = false;
      try {
        await this.#follow();
      } catch (error) {
        this.#isStale = true;
        throw error;
      }
    }
    const { now } = this.#options;
    let tried: readonly Timer[] = [];
    try {
      const due = this.#timers.filter(({ id, isOn }) => isOn && this.#nextOf(id) <= now());
      tried = due;
      const fired = await Promise.allSettled(due.map((timer) => this.#fire(timer)));
      // The others have fired; whoever failed comes again in the round that follows this error.
      for (const result of fired) if (result.status === "rejected") throw result.reason;
    } finally {
      this.#plan(tried);
    }
  }

  #nextOf(id: string): number {
    const next = this.#states.get(id)?.next ?? null;
    return (next === null ? null : parseTimestamp(next)) ?? Number.POSITIVE_INFINITY;
  }

  /** What came due while others were fired is fired at once; what was tried and is due still is for whoever tries again. */
  #plan(tried: readonly Timer[]): void {
    const { timers, now } = this.#options;
    this.#cancel();
    const nowMs = now();
    const wanted = this.#timers.filter(
      (timer) => timer.isOn && !(tried.includes(timer) && this.#nextOf(timer.id) <= nowMs),
    );
    const next = Math.min(lookMs, ...wanted.map(({ id }) => Math.max(0, this.#nextOf(id) - nowMs)));
    this.#cancel = timers.after(next, () => void this.#rounds.ask());
  }

  /** Brings the timers up to the rules of now. */
  async #follow(): Promise<void> {
    const { store, now, settled } = this.#options;
    const timers = timersOf((await store.ruleSet()).rules);
    await settled();
    const wanted = timers.filter(({ isOn }) => isOn);
    const ids = wanted.map(({ id }) => id);
    const known = idsIn(await store.setting(indexSetting));
    const fresh = ids.filter((id) => !known.includes(id));
    const gone = known.filter((id) => !ids.includes(id));
    // First the index, then what it names: a state that it does not name would never be found again.
    if (fresh.length > 0) await store.putSetting(indexSetting, [...known, ...fresh]);
    for (const timer of wanted) {
      const before = readState(await store.setting(settingOf(timer.id)));
      const state = before ?? newState(timer, now());
      if (before === null) await this.#put(timer.id, state);
      this.#states.set(timer.id, state);
    }
    for (const id of gone) {
      await store.putSetting(settingOf(id), null);
      this.#states.delete(id);
    }
    if (gone.length > 0) await store.putSetting(indexSetting, ids);
    this.#timers = timers;
  }

  async #put(id: string, state: TimerState): Promise<void> {
    await this.#options.store.putSetting(settingOf(id), { ...state, last: state.last && { ...state.last } });
  }

  async #fire(timer: Timer): Promise<void> {
    const { store, judge, catchUp, now, log } = this.#options;
    const { id, rules } = timer;
    // Another hub may have fired it.
    const state = readState(await store.setting(settingOf(id))) ?? newState(timer, now());
    this.#states.set(id, state);
    const schedule = scheduleOf(timer, state);
    const nowMs = now();
    const next = this.#nextOf(id);
    if (schedule === null || next > nowMs) return;
    const due = dueNow(schedule, next, nowMs, catchUp);
    let { last } = state;
    for (const occurrence of due.fire) {
      const instance = occurrenceOf(timer, occurrence, nowMs);
      await store.emit(await judge(instance, 0));
      last = { scheduled_at: timestamp(occurrence.at), fired_at: timestamp(nowMs), instance: instance.id };
    }
    if (due.skipped) {
      const facts = {
        timer: id,
        rules,
        since: timestamp(next),
        made_up_for: due.fire.length,
        catch_up: catchUp,
      };
      log.warn("a timer was not fired each time: nobody was there to do it", facts);
    }
    const after = { since: state.since, next: due.next === null ? null : timestamp(due.next), last };
    await this.#put(id, after);
    this.#states.set(id, after);
  }
}
