/** What is asked of the audit's chain: how it ends, whether it holds, and the steps behind one execution. */
import type { AuditProblem, ChainHead, ChainItem, RecordKind } from "./chain.ts";

/** Ends of what is kept. */
export interface AuditHead extends ChainHead {
  /** Number of the oldest row that is kept. */
  readonly first: number;
  /** When the chain began (RFC 3339): what is older is not in it. */
  readonly began: string;
}

/** A head that somebody has noted. */
export interface NotedHead {
  readonly seq: number;
  readonly hash: string;
}

/** A piece of the verification; the pieces together cover everything that was there when it began. */
export interface AuditPage {
  /** `chain`: rows and the records they speak of. `records`: whether a row speaks of each record. */
  readonly part: "chain" | "records";
  /** Of this piece. */
  readonly rows: number;
  readonly records: number;
  /** Records from before the chain began, of which no row speaks. */
  readonly unchained: number;
  readonly problems: readonly AuditProblem[];
  /** The row that was reached, and the one that is reached last. */
  readonly seq: number;
  readonly until: number;
  /** Passed on for the next piece; absent at the end. */
  readonly cursor?: string;
}

/** How what a row says stands to what is stored. `sent`: entries are not kept. */
export type StepState = "kept" | "replaced" | "removed" | "sent" | "edited" | "deleted" | "put-back";

export interface AuditStep {
  readonly seq: number;
  readonly at: string;
  readonly item: ChainItem;
  readonly state: StepState;
  /** The row names the hash of the row before it, and the row behind it names its own. */
  readonly linked: boolean;
}

export interface AuditTrace {
  readonly id: string;
  readonly kind: RecordKind;
  readonly steps: readonly AuditStep[];
  /** Every step is linked, and none was changed. */
  readonly verified: boolean;
}

const changed: ReadonlySet<StepState> = new Set(["edited", "deleted", "put-back"]);

export const isSound = ({ state, linked }: AuditStep): boolean => linked && !changed.has(state);
