/**
 * The loop of the sensor: takes hints, looks after a time of quiet, has differences told, sweeps. Whatever was missed is
 * found by looking again, so every failure ends in the same way: something is dirty.
 */

import type { Clock } from "../../shared/clock.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Timers } from "../../shared/timers.ts";
import { type BytePath, isWithin, shownPath } from "../../shared/watch/paths.ts";
import type { WatchSettings } from "../../shared/watch/settings.ts";
import type { SensorLogger } from "../sensors/sensor.ts";
import type { Witness } from "./actor.ts";
import { Asides } from "./asides.ts";
import type { BaselineStore } from "./baseline-store.ts";
import type { Pace } from "./budget.ts";
import type { DetectedBy, Finding } from "./change.ts";
import { type Circumstances, heard, inOrder } from "./circumstances.ts";
import { ContentReader } from "./content-fs.ts";
import { type Dirty, DirtySet, noFacts } from "./dirty-set.ts";
import { type Gathered, type GatherParts, gatherDeep, gatherOne, type Scope } from "./gather-fs.ts";
import { Inspector, type InspectorOptions } from "./inspector-fs.ts";
import { LargeDigests } from "./large-digests-fs.ts";
import type { ReadXattrs } from "./look-fs.ts";
import type { BlindCause, Hint, ObserverListener } from "./observer.ts";
import { bothSides } from "./other-sides-fs.ts";
import { patience, stopMs } from "./patience.ts";
import { lookerWithin } from "./reached-fs.ts";
import { Readers } from "./reading/readers-process.ts";
import type { Difference } from "./renames.ts";
import { SecondLooks } from "./second-looks.ts";
import type { Selection } from "./selection.ts";
import { UnreadablePaths } from "./unreadable.ts";
import { joinBatch, slice, WholeLooks } from "./whole-looks-fs.ts";

export interface EngineOptions extends Omit<InspectorOptions, "again" | "burstOf" | "between" | "content"> {
  readonly readXattrs: ReadXattrs;
  readonly selection: Selection;
  readonly settings: WatchSettings;
  readonly baseline: BaselineStore;
  readonly witness: Witness;
  /** Has hints given at once for what the kernel has told up to now. */
  readonly drain?: () => void;
  /** Tells something besides changes; resolves once accepted. */
  readonly dispatch: (trigger: string, payload: JsonObject) => Promise<unknown>;
  /** Threads that may read many files at once, beside this one. */
  readonly readingThreads: number;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: SensorLogger;
  /** Told of an error after which nothing can be promised any more. */
  readonly failed: (error: unknown) => void;
}

export interface EngineFigures {
  readonly dirty: number;
  readonly told: number;
  /** Paths an event named that were unchanged at the look. */
  readonly unchanged: number;
  readonly transient: number;
  readonly gaps: number;
  readonly unreadable: number;
}

const maxPaths = 50_000;
const maxFolders = 10_000;

export class Engine implements ObserverListener {
  readonly #options: EngineOptions;
  readonly #dirty: DirtySet;
  readonly #inspector: Inspector;
  readonly #large = new LargeDigests();
  readonly #readers: Readers;
  readonly #second: SecondLooks;
  readonly #whole: WholeLooks;
  readonly #asides: Asides;
  readonly #unreadable: UnreadablePaths;
  #lastHintAt: number;
  #lookingSince: number | null = null;
  #counts = { told: 0, unchanged: 0, transient: 0 };
  #timer: (() => void) | null = null;
  #working: Promise<void> | null = null;
  #isStarted = false;
  #isStopped = false;
  /** Looks are told one after the other: two that tell of one path would tell it twice. */
  #telling: Promise<unknown> = Promise.resolve();

  constructor(options: EngineOptions) {
    this.#options = options;
    const { settings, selection, clock } = options;
    const { quietMs, mostMs } = settings.settle;
    this.#dirty = new DirtySet({ quietMs, mostMs, maxPaths, maxFolders }, selection.roots);
    this.#readers = new Readers({
      threads: options.readingThreads,
      now: () => clock.now(),
      warn: (message) => options.log.warn(message),
      sealKey: () => options.baseline.sealKey(),
    });
    this.#asides = new Asides({
      ...options,
      burstPerSecond: settings.burstPerSecond,
    });
    this.#second = new SecondLooks({
      ...options,
      prepare: (path, stat) => this.#large.prepare(path, stat),
      mark: (mark, at) => {
        this.#dirty.mark(mark, at);
        this.#arm();
      },
    });
    this.#inspector = new Inspector({
      ...options,
      content: new ContentReader({ ...options, large: this.#large, ahead: this.#readers }),
      again: (path, heard) => this.#second.again(path, heard),
      burstOf: (paths) => this.#asides.burstOf(paths),
      between: () => this.#urgent(),
    });
    this.#whole = new WholeLooks({
      clock,
      parts: () => this.#parts(),
      alone: (work) => this.#alone(work),
      tell: (gathered, circumstances) => this.#tell(gathered, circumstances),
      prepare: (path, stat, pace) => this.#large.prepare(path, stat, pace),
      isStarted: () => this.#isStarted,
      isStopped: () => this.#isStopped,
      readers: this.#readers,
      take: (rows) => options.baseline.take(rows),
      isFirstLook: options.isFirstLook,
    });
    this.#unreadable = new UnreadablePaths((path, code) =>
      options.log.warn(`${shownPath(path).path} cannot be read (${code}): changes there are not seen`),
    );
    this.#lastHintAt = clock.now();
  }

  // --- what the kernel says --------------------------------------------------------------------------------

  hints(batch: readonly Hint[]): void {
    const { clock, witness, selection } = this.#options;
    const now = clock.monotonic();
    this.#lastHintAt = clock.now();
    for (const { path, deep, facts, pid, partner } of batch) {
      const entry = selection.entryOf(path);
      if (entry === null && !selection.mayEnter(path)) continue;
      if (pid > 0) witness.noticed(pid);
      this.#dirty.mark(
        { path, deep, isBlind: false, facts, pid, partner, isPriority: entry?.priority ?? false },
        now,
      );
    }
    this.#arm();
  }

  blind(cause: BlindCause, path: BytePath, detail: string): void {
    const { clock, selection } = this.#options;
    this.#asides.gap({ cause, path, detail, since: this.#lastHintAt });
    this.#lastHintAt = clock.now();
    const roots = selection.roots.filter((root) => isWithin(root, path) || isWithin(path, root));
    for (const root of roots) this.#markDeep(isWithin(path, root) ? path : root);
    this.#arm();
  }

  // --- looking at everything -------------------------------------------------------------------------------

  /**
   * Looks at every root, beside what hints say meanwhile: at the start and after a change of the selection. `offline`:
   * from the last sign of life to this start.
   */
  async reconcile(offline: Finding["offline"], by: DetectedBy = "reconcile"): Promise<void> {
    try {
      for (const root of this.#options.selection.roots) {
        await this.#whole.look(root, by, { offline, full: false });
      }
    } finally {
      await this.#readers.rest();
    }
    this.#isStarted = true;
    this.#arm();
  }

  /** Looks at everything, or at what is in `scope`, at the given pace. How many changes it found and told. */
  async sweep(full: boolean, pace: Pace, scope?: Scope): Promise<number> {
    let found = 0;
    for (const root of this.#options.selection.roots) {
      if (this.#isStopped) break;
      const how = { offline: null, full, pace, ...(scope !== undefined && { scope }) };
      found += await this.#whole.look(root, "sweep", how);
    }
    return found;
  }

  figures(): EngineFigures {
    return {
      ...this.#counts,
      gaps: this.#asides.toldGaps,
      dirty: this.#dirty.size,
      unreadable: this.#unreadable.size,
    };
  }

  /** Nothing to look at, and nothing to tell. */
  get isIdle(): boolean {
    const isWaiting = this.#asides.hasGaps || this.#asides.isWaiting;
    return this.#dirty.size === 0 && this.#working === null && this.#second.waiting === 0 && !isWaiting;
  }

  /** ms since the epoch: what was heard of up to then has been told. */
  get toldUntil(): number {
    const { clock } = this.#options;
    const now = clock.monotonic();
    return clock.now() - (now - Math.min(now, this.#lookingSince ?? now, this.#dirty.oldestAt() ?? now));
  }

  /** Paths that could not be read at the last try, with the reason. */
  get unreadable(): Pick<UnreadablePaths, "size" | "entries"> {
    return this.#unreadable;
  }

  /**
   * Ends after what is being told, or without it when the agent takes nothing: its note tells the next start whether it
   * was accepted. What is dirty is found then, too.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.();
    await patience(
      this.#options.timers,
      stopMs,
      Promise.all([this.#large.stop(), this.#readers.stop(), this.#working]),
    );
  }

  // --- the loop --------------------------------------------------------------------------------------------

  #arm(): void {
    if (this.#isStopped || !this.#isStarted || this.#working !== null) return;
    this.#timer?.();
    this.#timer = null;
    const { clock, timers } = this.#options;
    const now = clock.monotonic();
    const at = this.#asides.hasGaps ? now : this.#dirty.dueAt();
    const { isWaiting } = this.#asides;
    const next = Math.min(at ?? Number.POSITIVE_INFINITY, isWaiting ? now + 1_000 : Number.POSITIVE_INFINITY);
    if (!Number.isFinite(next)) return;
    this.#timer = timers.after(Math.max(0, next - now), () => {
      this.#timer = null;
      this.#working = this.#work()
        .catch((error: unknown) => {
          // The baseline may be closed under what was not waited for.
          if (!this.#isStopped) this.#options.failed(error);
          this.#isStopped = true;
        })
        .finally(() => {
          this.#working = null;
          this.#arm();
        });
    });
  }

  async #work(): Promise<void> {
    const { clock } = this.#options;
    await this.#tellGaps();
    for (;;) {
      if (this.#isStopped) return;
      const isDone = await this.#alone(async () => {
        this.#lookingSince = this.#dirty.oldestAt();
        const due = this.#dirty.takeDue(clock.monotonic(), slice);
        if (due.length > 0) await this.#lookAt(due);
        return due.length === 0;
      });
      this.#lookingSince = null;
      if (isDone) break;
      await this.#tellGaps();
    }
    await this.#asides.tellOver();
  }

  /** Runs within a look that takes long: what has priority does not wait for its end. */
  async #urgent(): Promise<boolean> {
    if (!this.#isStarted) return false;
    const due = this.#dirty.takeUrgent(this.#options.clock.monotonic());
    if (due.length > 0) await this.#lookAt(due);
    return due.length > 0;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#telling.then(work);
    // Its own caller is told of the error.
    this.#telling = turn.catch(() => {});
    return turn;
  }

  async #lookAt(due: readonly Dirty[]): Promise<void> {
    const { baseline } = this.#options;
    const byPath = new Map(due.map((dirty) => [dirty.path, dirty]));
    const parts = this.#parts();
    const differences: Difference[] = [];
    let joined: BytePath | null = null;
    for (const dirty of due) {
      const { path } = dirty;
      // A folder that was joined before it in this round has been looked at with all that is in it.
      if (joined !== null && isWithin(path, joined)) continue;
      const one = dirty.deep ? "deep" : gatherOne(path, parts);
      if (one === "deep") {
        joined = path;
        await gatherDeep(parts, {
          path,
          full: false,
          batch: joinBatch,
          found: async ({ differences: below, unselected }) => {
            differences.push(...below);
            if (unselected.length > 0) {
              await baseline.write(
                unselected.map((at) => ({ path: at, record: null })),
                { sync: false },
              );
            }
            if (differences.length >= joinBatch) await this.#inspect(differences.splice(0), byPath, "event");
          },
        });
      } else if (one === "nothing") this.#mayBeTransient(dirty);
      else if (one === "same") this.#counts.unchanged++;
      else if (one !== "unreadable") differences.push(one);
    }
    await this.#inspect(differences, byPath, due.some(({ isBlind }) => isBlind) ? "reconcile" : "event");
    await this.#asides.tellTransients();
  }

  async #inspect(
    found: readonly Difference[],
    due: ReadonlyMap<BytePath, Dirty>,
    by: DetectedBy,
  ): Promise<void> {
    const { witness, clock } = this.#options;
    const now = { wall: clock.now(), monotonic: clock.monotonic() };
    const isUnheard = ({ path }: Difference) => !due.has(path) && this.#dirty.get(path) === undefined;
    // Come upon by a look at its folder: its own event, which says who, waits in the kernel.
    if (found.some(isUnheard)) this.#options.drain?.();
    const sides = await bothSides({ differences: found, byPath: due }, this.#dirty, this.#parts());
    const { differences, byPath } = sides;
    const gone = new Set(differences.flatMap(({ path, after }) => (after === null ? [path] : [])));
    const circumstances = heard(byPath, this.#dirty, gone, by, now, witness, (large) =>
      this.#second.readAside(large, circumstances.heardOf),
    );
    await this.#tell({ differences: inOrder(differences), unselected: [] }, circumstances);
  }

  async #tell(gathered: Gathered, circumstances: Circumstances): Promise<number> {
    const told = await this.#inspector.inspect(gathered, circumstances);
    // After it: what has priority is told, and counted, within it.
    this.#counts.told += told;
    return told;
  }

  // --- what is not a change --------------------------------------------------------------------------------

  #mayBeTransient({ path, facts, pid, lastAt }: Dirty): void {
    if (!facts.created && !facts.deleted) return;
    const { clock, witness } = this.#options;
    this.#counts.transient++;
    const actor = witness.actor({ pid, path, heardAt: lastAt });
    this.#asides.transient(path, actor, clock.now() - (clock.monotonic() - lastAt));
  }

  async #tellGaps(): Promise<void> {
    const { clock, selection } = this.#options;
    const folded = this.#dirty.takeFolded();
    if (folded !== null) {
      const since = clock.now() - (clock.monotonic() - folded);
      const detail = "more changes than could be told";
      for (const path of selection.roots) this.#asides.gap({ cause: "backpressure", path, detail, since });
    }
    await this.#asides.tellGaps();
  }

  // --- looking again ---------------------------------------------------------------------------------------

  #parts(): GatherParts {
    const { baseline, selection } = this.#options;
    return {
      baseline,
      selection,
      look: lookerWithin(selection),
      unreadable: this.#unreadable,
    };
  }

  #markDeep(path: BytePath): void {
    this.#dirty.mark(
      { path, deep: true, isBlind: true, facts: noFacts, pid: 0, isPriority: false },
      this.#options.clock.monotonic(),
    );
  }
}
