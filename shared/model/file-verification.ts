/** Sweeps of watched files that people asked for: which agents were asked, and how far each is. */
import type { VerifyState } from "../watch/questions.ts";

/** Why an agent does not answer; `not-watching`: pack watch does not run there, or not yet. */
export type Unanswered = "offline" | "not-watching" | "no-answer" | "failed";

/** What was asked, and of whom: kept from before the first agent is asked. */
export interface VerificationHead {
  readonly id: string;
  readonly full: boolean;
  /** A pattern; `null`: everything that is selected. */
  readonly path: string | null;
  /** Hub time. */
  readonly started_at: string;
  /** Ids of those that were chosen, sorted. */
  readonly asked: readonly string[];
}

type Swept = Pick<
  VerifyState,
  | "error"
  | "started_at"
  | "ended_at"
  | "looked"
  | "expected"
  | "differences"
  | "unreadable"
  | "unreadable_paths"
>;

export interface AgentVerification extends Swept {
  readonly agent: string;
  /** As heard last; `unanswered`: it has never begun there as far as the hub knows. */
  readonly state: VerifyState["state"] | "unanswered";
  /** Why the agent does not answer at present; `null` when it does, or need not any more. */
  readonly why: Unanswered | null;
}

export interface Verification extends Omit<VerificationHead, "asked"> {
  /** By id. */
  readonly agents: readonly AgentVerification[];
}
