/**
 * Watches over the baseline: checks all its rows at the start and after each sweep, tells what others did to it, has the
 * records concerned made anew from what is there, and tells the hub regularly what the baseline holds as a whole.
 */
import { type Clock, timestamp } from "../../../shared/clock.ts";
import type { JsonObject } from "../../../shared/json.ts";
import type { Timers } from "../../../shared/timers.ts";
import type { BytePath } from "../../../shared/watch/paths.ts";
import type { SensorLogger } from "../../sensors/sensor.ts";
import type { BaselineStore } from "../baseline-store.ts";
import type { Pace } from "../budget.ts";
import { patience, stopMs } from "../patience.ts";
import type { SweepsOptions } from "../sweeps.ts";
import { anchorOf } from "./summary.ts";
import { judgeRows, tamperedPayload, type WithoutRecord } from "./tampering.ts";

export interface GuardOptions {
  readonly baseline: Pick<BaselineStore, "anchor" | "check" | "mend" | "summary" | "told" | "voidWrong">;
  /** Resolves once accepted; `set` is written with it, where the baseline is not. */
  readonly dispatch: (
    trigger: string,
    payload: JsonObject,
    options?: { readonly set: Readonly<Record<string, string>> },
  ) => Promise<unknown>;
  /** Has paths looked at again. */
  readonly look: (paths: readonly BytePath[]) => void;
  /** Paths that were found without a record they should have; each is handed out once. */
  readonly withoutRecord: () => WithoutRecord;
  /** Number of the last change that was told. */
  readonly toldSeq: () => number;
  /** Many rows have been read: what of them is in memory is not needed again soon. `isOver`: nor is anything else. */
  readonly letGo: (isOver: boolean) => void;
  /** For a check that stands behind no sweep; counts from the call. */
  readonly newPace: () => Pace;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: SensorLogger;
}

type Sweeping = SweepsOptions["engine"];

export const anchorName = "baseline_anchor";
const anchorTrigger = "watch.baseline_anchor";
const tamperedTrigger = "watch.baseline_tampered";
/** ms between two anchors when something has changed; one goes after each check, too. */
const anchorEveryMs = 600_000;
/** A turn is a thousand rows. */
const turnsOfHold = 50;

export class BaselineGuard {
  readonly #options: GuardOptions;
  #digest = "";
  #checking: Promise<void> = Promise.resolve();
  #cancel: () => void = () => {};
  #isStopped = false;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /**
   * Tells how the baseline was found, before anything of this life is told: the hub knows whether all that it was told
   * before is known here.
   */
  found(): Promise<void> {
    return this.#anchor();
  }

  /** Begins the first check, and goes on telling the hub. */
  start(): void {
    this.#arm();
    void this.#checkOrLog();
  }

  /** The same sweeps, each with a check behind it. */
  after(engine: Sweeping): Sweeping {
    return {
      sweep: async (full, pace, scope) => {
        const found = await engine.sweep(full, pace, scope);
        await this.#checkOrLog(pace);
        return found;
      },
    };
  }

  /** Checks all rows, tells and mends. One check at a time. `given` is the pace of the sweep before it. */
  check(given?: Pace): Promise<void> {
    const checked = this.#checking.then(() => this.#check(given ?? this.#options.newPace()));
    this.#checking = checked.catch(() => {});
    return checked;
  }

  /** Ends soon, with the hub told how the baseline was left; what was found and not told is told by the next life. */
  async stop(): Promise<void> {
    const { timers, baseline } = this.#options;
    this.#isStopped = true;
    this.#cancel();
    const left = async () => {
      await this.#checking;
      if (this.#digest !== "" && anchorOf(baseline.summary).digest !== this.#digest) await this.#anchor();
    };
    await patience(timers, stopMs, left());
  }

  async #checkOrLog(pace?: Pace): Promise<void> {
    try {
      await this.check(pace);
    } catch (error) {
      if (!this.#isStopped) this.#options.log.error(`the baseline could not be checked: ${String(error)}`);
    }
  }

  async #check(pace: Pace): Promise<void> {
    const { baseline, look, withoutRecord, letGo } = this.#options;
    if (this.#isStopped) return;
    let turns = 0;
    const turn = async () => {
      await pace(0);
      if (++turns % turnsOfHold === 0) letGo(false);
      if (this.#isStopped) throw new Error("the sensor stops");
    };
    const checked = await baseline.check(turn);
    await baseline.mend(checked, judgeRows(checked, withoutRecord()));
    if (checked.firstWrong !== null) await baseline.voidWrong(checked.firstWrong, turn, look);
    await this.#tellFound();
    await this.#anchor();
    letGo(true);
  }

  async #tellFound(): Promise<void> {
    const { baseline, dispatch, clock, log } = this.#options;
    const { untold } = baseline.summary;
    for (const found of untold) {
      const payload = tamperedPayload(found, timestamp(clock.now()));
      log.warn(
        `the baseline was tampered with (${found.cause}): ${found.detail} ${String(payload.path ?? "")}`,
      );
      await dispatch(tamperedTrigger, payload);
    }
    if (untold.length > 0) await baseline.told();
  }

  async #anchor(): Promise<void> {
    const { baseline, dispatch, clock, toldSeq } = this.#options;
    const anchor = anchorOf(await baseline.anchor());
    this.#digest = anchor.digest;
    const told = toldSeq();
    const set = { [anchorName]: JSON.stringify({ ...anchor, told }) };
    await dispatch(anchorTrigger, { ...anchor, told, at: timestamp(clock.now()) }, { set });
  }

  #arm(): void {
    const { timers, log, baseline } = this.#options;
    if (this.#isStopped) return;
    this.#cancel = timers.after(anchorEveryMs, () => {
      const isOther = anchorOf(baseline.summary).digest !== this.#digest;
      const anchored = isOther ? this.#anchor() : Promise.resolve();
      anchored
        .catch((error: unknown) => log.warn(`the hub was not told of the baseline: ${String(error)}`))
        .finally(() => this.#arm());
    });
  }
}
