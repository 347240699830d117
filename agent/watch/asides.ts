/** What is told besides changes: gaps, storms, and what came and went unseen. Pure but for what it is handed. */
import { type Clock, timestamp } from "../../shared/clock.ts";
import type { JsonObject } from "../../shared/json.ts";
import { type BytePath, shownPath } from "../../shared/watch/paths.ts";
import type { Actor } from "./actor.ts";
import { BurstWatch } from "./burst.ts";
import { transientPayload } from "./change.ts";
import type { BlindCause } from "./observer.ts";
import type { Selection } from "./selection.ts";
import { Transients } from "./transients.ts";

export const changeTrigger = "watch.file_changed";
const gapTrigger = "watch.gap";
const burstTrigger = "watch.burst";

export interface AsidesOptions {
  readonly selection: Selection;
  readonly burstPerSecond: number;
  /** Resolves once accepted. */
  readonly dispatch: (trigger: string, payload: JsonObject) => Promise<unknown>;
  readonly newId: () => string;
  readonly clock: Clock;
}

export interface Gap {
  readonly cause: BlindCause;
  readonly path: BytePath;
  readonly detail: string;
  /** ms since the epoch: the last time that nothing was missing. */
  readonly since: number;
}

const transientsPerSecond = 100;
/** ms without a storm's rate that end it, and the longest until it is told. */
const burstQuietMs = 3_000;
const burstMostMs = 300_000;

export class Asides {
  readonly #options: AsidesOptions;
  readonly #bursts: BurstWatch;
  readonly #transients = new Transients(transientsPerSecond);
  #gaps: Gap[] = [];
  #passed: JsonObject[] = [];
  #toldGaps = 0;

  constructor(options: AsidesOptions) {
    this.#options = options;
    const limits = { perSecond: options.burstPerSecond, quietMs: burstQuietMs, mostMs: burstMostMs };
    this.#bursts = new BurstWatch(limits, options.newId);
  }

  get hasGaps(): boolean {
    return this.#gaps.length > 0;
  }

  /** Something will be to tell later although nothing more happens. */
  get isWaiting(): boolean {
    return this.#bursts.isOpen || this.#transients.hasFolded;
  }

  get toldGaps(): number {
    return this.#toldGaps;
  }

  /** Several of one cause and place that were not told yet are one. */
  gap(gap: Gap): void {
    const at = this.#gaps.findIndex(({ cause, path }) => cause === gap.cause && path === gap.path);
    const since = Math.min(gap.since, this.#gaps[at]?.since ?? gap.since);
    if (at === -1) this.#gaps.push(gap);
    else this.#gaps[at] = { ...gap, since };
  }

  /** The storm that these changes are part of, if they are. */
  burstOf(paths: readonly BytePath[]): string | null {
    return this.#bursts.count(paths, this.#options.clock.monotonic());
  }

  /**
   * Something that an event named is not there, and was not there before: told by `tellTransients`. `heardAt`: ms since
   * the epoch.
   */
  transient(path: BytePath, actor: Actor, heardAt: number): void {
    const { selection, clock } = this.#options;
    const entry = selection.entryOf(path);
    if (entry?.transients !== true || !this.#transients.isTold(path, clock.monotonic())) return;
    const finding = { by: "event", at: clock.now(), heardAt, offline: null } as const;
    this.#passed.push(transientPayload(path, "other", 1, { entry, finding, actor }));
  }

  /** Resolves once all are accepted: no more wait than one round of looks has found. */
  async tellTransients(): Promise<void> {
    const passed = this.#passed;
    this.#passed = [];
    await Promise.all(passed.map((payload) => this.#options.dispatch(changeTrigger, payload)));
  }

  /** Before the changes that looking again will find. */
  async tellGaps(): Promise<void> {
    const { clock, dispatch } = this.#options;
    const gaps = this.#gaps;
    this.#gaps = [];
    for (const { cause, path, detail, since } of gaps) {
      this.#toldGaps++;
      const until = timestamp(clock.now());
      await dispatch(gapTrigger, { cause, ...shownPath(path), since: timestamp(since), until, detail });
    }
  }

  /** Storms that are over, and counts of what came and went in a second that is over. */
  async tellOver(): Promise<void> {
    const { clock, dispatch, selection } = this.#options;
    const now = clock.monotonic();
    const burst = this.#bursts.over(now);
    if (burst !== null) {
      const wallOf = (at: number) => timestamp(clock.now() - (now - at));
      await dispatch(burstTrigger, {
        id: burst.id,
        count: burst.count,
        root: shownPath(burst.root).path,
        first: shownPath(burst.first).path,
        last: shownPath(burst.last).path,
        since: wallOf(burst.since),
        until: wallOf(burst.until),
      });
    }
    for (const { folder, count } of this.#transients.takeFolded(clock.monotonic())) {
      const entry = selection.entryOf(folder) ?? selection.below(folder);
      if (entry === null) continue;
      const finding = { by: "event", at: clock.now(), heardAt: null, offline: null } as const;
      const actor = { unknown: "many came and went" };
      await dispatch(changeTrigger, transientPayload(folder, "directory", count, { entry, finding, actor }));
    }
  }
}
