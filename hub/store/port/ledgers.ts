/** Who serves an agent, and the down ledgers: numbered entries that wait until their agent has them. */
import type { NumberedEntry, OutboxEpoch } from "../../../shared/link/ports.ts";
import type { ActionRequestEntry, AssignmentEntry, DownEntry } from "../../../shared/wire/messages.ts";
import type { DeadLetter } from "./history.ts";

/** Right to serve one agent; every intake names it, so that an owner that was replaced writes nothing more. */
export interface Claim {
  readonly hub: string;
  readonly agent: string;
  /** Grows with each change of owner. */
  readonly fence: number;
  /** The down epoch this claim opened. */
  readonly epoch: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** A request as it is kept: `sealed` is what is secret in its parameters, encrypted for its execution. */
export type StoredRequest = ActionRequestEntry & { readonly sealed?: string };

/** The same of an assignment: `sealed` is its configuration, encrypted for this entry. */
export type StoredAssignment = AssignmentEntry & { readonly sealed?: string };

/** An entry of a down ledger as it is kept. Secrets are opened when it is sent (`secrets/opened-entry.ts`). */
export type StoredEntry =
  | StoredRequest
  | StoredAssignment
  | Exclude<DownEntry, ActionRequestEntry | AssignmentEntry>;

/** An entry for an agent, to be numbered in its down ledger. */
export interface Dispatch {
  readonly agent: string;
  readonly entry: StoredEntry;
}

/** One owner for each agent, and what is on its way to it. */
export interface LedgerStore {
  /** Opens a new down epoch with a higher fence. `null`: another hub's lease has not run out. */
  claimAgent(hub: string, agent: string, leaseMs: number, now: number): Promise<Claim | null>;
  /** Prolongs the lease; `false` when it was lost. */
  renewClaim(claim: Claim, leaseMs: number, now: number): Promise<boolean>;
  /**
   * Numbers entries in the agent's current down epochs (control entries have one of their own) and stores them; resolves
   * once on disk. This, and every other dispatch: LINK_ENTRY_TOO_LARGE beyond 128 KiB as it is sent (nothing is written); when the
   * ledger has reached its cap a request waits behind it, its execution is stored as `delayed` instead of `requested` or
   * `scheduled`, and receipts bring both on again (with a new `rev`), unless the execution is `delayed` no longer.
   */
  appendDown(dispatches: readonly Dispatch[]): Promise<void>;
  downEpochs(agent: string): Promise<readonly OutboxEpoch[]>;
  /** The same at once; `null` when they are not in memory. */
  downEpochsNow(agent: string): readonly OutboxEpoch[] | null;
  /** At once when all of it is in memory, as what was dispatched just now is. */
  readDown(
    agent: string,
    epoch: string,
    from: number,
    maxEntries: number,
    maxBytes: number,
  ): readonly NumberedEntry<StoredEntry>[] | Promise<readonly NumberedEntry<StoredEntry>[]>;
  /**
   * Deletes what the agent has. Unlike an agent's outbox nothing is kept after the receipt: an agent restored from a
   * backup has lost its journal too, and would run again what it ran before.
   */
  receiptDown(agent: string, epoch: string, upTo: number): Promise<void>;
  /** Sets aside an entry that the agent cannot decode: a void one takes its number, its execution fails. */
  parkDown(agent: string, epoch: string, n: number, letter: DeadLetter): Promise<void>;
  /** As `parkDown`, and nothing is set aside: for what can only fail again, or nobody wants any more. */
  voidDown(
    agent: string,
    epoch: string,
    n: number,
    why: Pick<DeadLetter, "received_at" | "reason">,
  ): Promise<void>;
}
