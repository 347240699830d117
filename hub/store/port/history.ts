/** What has come in and what was decided: trigger instances, enforcements, dead letters, gaps. */
import type { Json } from "../../../shared/json.ts";
import type { LeftOut } from "../../../shared/model/execution.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import type { TriggerInstance, TriggerInstanceStatus } from "../../../shared/model/trigger.ts";
import type { Page, PageOf } from "./page.ts";

/** Fields that are given must all fit. */
export interface InstanceFilter {
  readonly trigger?: string | undefined;
  readonly status?: TriggerInstanceStatus | undefined;
  readonly agent?: string | undefined;
}

/** Fields that are given must all fit. */
export interface EnforcementFilter {
  readonly rule?: string | undefined;
  readonly trigger_instance?: string | undefined;
  readonly status?: string | undefined;
  /** Only what was held back for the enforcement of this id. */
  readonly digest?: string | undefined;
}

/** A well-formed entry that could not be used. */
export interface DeadLetter {
  readonly id: string;
  readonly agent: string;
  readonly received_at: string;
  readonly code: string;
  readonly reason: string;
  readonly entry: Json;
  /** Of the result that it told, when that is secret and could not be encrypted. */
  readonly left_out?: readonly LeftOut[];
}

/** Something missing or odd in an agent's ledger, kept for the operator. */
export interface GapRecord {
  readonly id: string;
  readonly agent: string;
  readonly direction: "up" | "down";
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  readonly recorded_at: string;
}

/** How many there are, kept with each batch. */
export interface StoreCounts {
  readonly instances: number;
  /** Instances that still have to be judged. */
  readonly pending: number;
  readonly dead_letters: number;
}

/** Reads history; what writes it is in `intake.ts`. */
export interface HistoryStore {
  instance(id: string): Promise<TriggerInstance | null>;
  instances(filter: InstanceFilter, page: Page): Promise<PageOf<TriggerInstance>>;
  enforcement(id: string): Promise<Enforcement | null>;
  enforcements(filter: EnforcementFilter, page: Page): Promise<PageOf<Enforcement>>;
  deadLetters(page: Page): Promise<PageOf<DeadLetter>>;
  deadLetter(id: string): Promise<DeadLetter | null>;
  dropDeadLetter(id: string): Promise<boolean>;
  gaps(page: Page): Promise<PageOf<GapRecord>>;
  counts(): Promise<StoreCounts>;
}
