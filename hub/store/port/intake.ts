/** Taking in what agents send, and what it leads to. */
import type { AgentRecord, SensorRecord } from "../../../shared/model/agent.ts";
import type { UpgradeReport } from "../../../shared/model/agent-rollout.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import type { DeadLetter, GapRecord } from "./history.ts";
import type { Job } from "./jobs.ts";
import type { Claim, Dispatch } from "./ledgers.ts";
import type { ThrottleAsk } from "./throttles.ts";
import type { Written } from "./written.ts";

/**
 * What one instance led to, written all or none. `instance` carries its final status and rule set version.
 * Executions that exist already are left as they are, and their dispatch is not written again: a replay is harmless.
 */
export interface Outcome {
  readonly instance: TriggerInstance;
  readonly enforcements: readonly Enforcement[];
  readonly executions: readonly Execution[];
  readonly dispatches: readonly Dispatch[];
  /** Of enforcements that a throttle may hold back: which of them it does is decided in the batch. */
  readonly throttles?: readonly ThrottleAsk[];
}

/** One effect of an entry; all effects of a `takeIn` are written together with the mark. */
export type Effect =
  /** A new instance, `pending`; one that exists already (same id) is left alone. */
  | { readonly type: "instance"; readonly instance: TriggerInstance }
  /** The same, already judged: intake and processing in one batch. */
  | { readonly type: "outcome"; readonly outcome: Outcome }
  /** Replaces an execution whose `rev` is still `expectRev`; the record carries `expectRev + 1`. */
  | { readonly type: "execution"; readonly execution: Execution; readonly expectRev: number }
  | { readonly type: "sensor"; readonly sensor: SensorRecord }
  | { readonly type: "agent"; readonly agent: AgentRecord; readonly expectRev: number | null }
  | { readonly type: "dead-letter"; readonly letter: DeadLetter }
  | { readonly type: "gap"; readonly gap: GapRecord }
  /** An execution of which this store has lost the record; one that exists already is left alone. */
  | { readonly type: "recovered"; readonly execution: Execution }
  /** As by `schedule`. */
  | { readonly type: "job"; readonly job: Job }
  | { readonly type: "upgrade-report"; readonly report: UpgradeReport };

/** Entries of one agent's ledger, taken in together. */
export interface TakeIn {
  readonly claim: Claim;
  readonly epoch: string;
  /** The mark must stand here, or nothing is written. */
  readonly expectMark: number;
  readonly newMark: number;
  readonly effects: readonly Effect[];
}

/** Whether all of it is on disk, or why nothing is. */
export type TakeInResult =
  | { readonly done: true }
  /** The mark stands elsewhere. */
  | { readonly done: false; readonly why: "mark"; readonly mark: number }
  /** Another process owns the agent now. */
  | { readonly done: false; readonly why: "not-owner" }
  /** A record changed meanwhile: read it again and decide again. */
  | { readonly done: false; readonly why: "conflict"; readonly id: string };

/** What comes in, each time with what came of it. */
export interface IntakeStore {
  /** The marks of an agent's up epochs; 0 for one never seen. */
  marks(agent: string, epochs: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Effects and mark in one synced batch, or nothing. Rejects with STORE_WRITE when the batch failed. */
  takeIn(take: TakeIn): Promise<TakeInResult>;
  /**
   * An instance that came by no agent's ledger (re-emitted, or the hub's own), with what it led to, in one batch.
   * False when one of this id exists: then nothing is written.
   */
  emit(outcome: Outcome): Promise<Written>;
  /** Writes an outcome for an instance that is still `pending`; false when it no longer is. */
  process(outcome: Outcome): Promise<Written>;
  /** Instances that a restart still has to judge, oldest first. */
  pendingInstances(limit: number): Promise<readonly TriggerInstance[]>;
}
