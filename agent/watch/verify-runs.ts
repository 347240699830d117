/** Sweeps that somebody asked for: one after the other, each with a record of how far it is. */
import { type Clock, timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { type BytePath, shownPath } from "../../shared/watch/paths.ts";
import type { UnreadablePath, VerifyState } from "../../shared/watch/questions.ts";
import type { Scope } from "./gather-fs.ts";
import { partOf } from "./part.ts";

export interface VerifyRunsOptions {
  /** As fast as the budget of sweeps lets it. How many changes it found and told; rejects when it ended early. */
  readonly sweep: (full: boolean, scope: Scope) => Promise<number>;
  /** Paths of the last complete sweep that nobody had asked for. */
  readonly expected: () => number | null;
  readonly clock: Clock;
}

export interface VerifyRequest {
  readonly run: string;
  readonly full: boolean;
  /** A pattern; `null`: everything. */
  readonly path: string | null;
}

/** Runs that have ended and are remembered; they may be asked about. */
const kept = 32;
const mostWaiting = 4;
const mostShown = 20;
/** Paths between two notes of how far it is. */
const noteEvery = 1_000;

export class VerifyRuns {
  readonly #options: VerifyRunsOptions;
  /** Oldest first. */
  readonly #runs = new Map<string, VerifyState>();
  /** Paths of the last complete one. */
  #complete: number | null = null;
  #turn: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: VerifyRunsOptions) {
    this.#options = options;
  }

  /** Begins it, once; asked again it says how far that is. WATCH_GLOB, WATCH_VERIFY_BUSY. */
  begin({ run, full, path }: VerifyRequest): VerifyState {
    const known = this.#runs.get(run);
    if (known !== undefined) return known;
    const part = partOf(path);
    const waiting = [...this.#runs.values()].filter(({ state }) => state === "waiting").length;
    if (waiting >= mostWaiting || this.#isStopped) {
      throw new PetrelError("WATCH_VERIFY_BUSY", `${waiting} verifications wait for their turn here`, {
        hint: "try again when one of them is done",
      });
    }
    const begun: VerifyState = {
      run,
      state: "waiting",
      full,
      path,
      started_at: null,
      ended_at: null,
      looked: 0,
      expected: path === null ? (this.#complete ?? this.#options.expected()) : null,
      differences: 0,
      unreadable: 0,
      unreadable_paths: [],
      error: null,
    };
    this.#put(begun);
    this.#turn = this.#turn.then(() => this.#go(begun, part));
    return begun;
  }

  /** WATCH_VERIFY_UNKNOWN. */
  state(run: string): VerifyState {
    const known = this.#runs.get(run);
    if (known !== undefined) return known;
    throw new PetrelError(
      "WATCH_VERIFY_UNKNOWN",
      "the sensor knows nothing of it: it has been started anew since, or was never asked",
      {
        hint: "begin another verification",
      },
    );
  }

  /** The sweep itself is ended by whoever runs it. Resolves when none runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#turn;
  }

  /** Never rejects. */
  async #go(begun: VerifyState, part: Pick<Scope, "only" | "mayEnter">): Promise<void> {
    const { sweep, clock } = this.#options;
    let state: VerifyState = { ...begun, state: "running", started_at: timestamp(clock.now()) };
    const note = (change: Partial<VerifyState>) => {
      state = { ...state, ...change };
      this.#put(state);
    };
    if (this.#isStopped) return note({ state: "failed", error: "the sensor stops" });
    note({});
    let looked = 0;
    const shown: UnreadablePath[] = [];
    const unreadable = (path: BytePath, error: string) => {
      if (shown.length < mostShown) shown.push({ ...shownPath(path), error });
      note({ looked, unreadable: state.unreadable + 1, unreadable_paths: [...shown] });
    };
    try {
      const differences = await sweep(begun.full, {
        ...part,
        looked: () => {
          if (++looked % noteEvery === 0) note({ looked });
        },
        unreadable,
        told: (count) => note({ looked, differences: state.differences + count }),
      });
      if (begun.path === null) this.#complete = looked;
      note({ state: "done", looked, differences, ended_at: timestamp(clock.now()) });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      note({ state: "failed", looked, error: reason, ended_at: timestamp(clock.now()) });
    }
  }

  #put(state: VerifyState): void {
    this.#runs.set(state.run, state);
    for (const [run, { state: how }] of this.#runs) {
      if (this.#runs.size <= kept) break;
      if (how === "done" || how === "failed") this.#runs.delete(run);
    }
  }
}
