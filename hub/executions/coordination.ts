/** What goes on beyond one execution: slots of policies, times to start at, further attempts, digests. */
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import type { JobWork } from "../jobs/job-runner.ts";
import type { Catalogue } from "../packs/catalogue.ts";
import { Admission } from "../policies/admission.ts";
import { retryOf } from "../policies/applied.ts";
import { retryJob, startHeldJob } from "../policies/job-kinds.ts";
import { limitNow } from "../policies/limits.ts";
import { retryWork } from "../policies/retries.ts";
import { digestWork } from "../rules/digest.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Dispatch } from "../store/port/ledgers.ts";
import type { DigestOutcome, ThrottleWindow } from "../store/port/throttles.ts";
import type { Store } from "../store/store.ts";
import { ControlDesk } from "./control-desk.ts";
import { FanOuts } from "./fan-outs.ts";
import { isFinal, step } from "./life.ts";

export interface CoordinationOptions {
  readonly store: Store;
  readonly catalogue: () => Catalogue;
  /** Resolves when changed packs are in force. */
  readonly settled: () => Promise<void>;
  readonly shrink: (dispatches: readonly Dispatch[]) => Promise<readonly Dispatch[]>;
  /** What tells of a window of a throttled rule; see `LiveRules`. */
  readonly digest: (window: ThrottleWindow) => Promise<DigestOutcome>;
  /** Has jobs that are due looked at now. */
  readonly kick: () => void;
  readonly sealer: Sealer;
  readonly now: () => number;
  readonly newId: () => string;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

export interface Coordination {
  /** For the job runner. */
  readonly work: Readonly<Record<string, JobWork>>;
  close(): Promise<void>;
}

export function startCoordination(options: CoordinationOptions): Coordination {
  const { store, catalogue, kick } = options;
  const admission = new Admission(options);
  const control = new ControlDesk(options);
  const fanOuts = new FanOuts({ ...options, cancel: (id, user) => control.cancel(id, user) });
  const stopListening = store.subscribeChanges(
    (changes) => {
      for (const change of changes) {
        if (change.type !== "execution" || change.execution.policies === undefined) continue;
        if (isFinal(change.execution.status) && retryOf(change.execution) !== null) return kick();
      }
    },
    ["execution"],
  );
  return {
    work: {
      [startHeldJob]: async ({ execution }) => {
        if (typeof execution !== "string") return;
        if (await beginFanOut(options, execution)) return;
        await store.startHeld(execution, (gate) => limitNow(catalogue().policies, gate));
      },
      [retryJob]: retryWork(options),
      ...digestWork(options),
    },
    async close() {
      stopListening();
      await fanOuts.close();
      await admission.close();
    },
  };
}

/** Its time has come. False when this is no fan-out. */
async function beginFanOut({ store, now }: CoordinationOptions, id: string): Promise<boolean> {
  const parent = await store.execution(id);
  if (parent?.fan_out === undefined) return false;
  const scheduled = step({ ...parent, reason: null }, { type: "schedule", at: now() });
  const running = scheduled.moved ? step(scheduled.execution, { type: "start", at: now() }) : scheduled;
  // One that was canceled meanwhile does not move.
  if (running.moved) await store.updateExecution({ ...running.execution, rev: parent.rev + 1 }, parent.rev);
  return true;
}
