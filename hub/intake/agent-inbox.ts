/** The hub's receiving end of one agent's up ledger: effects and mark in one batch. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Inbox, NumberedEntry, TakeOutcome } from "../../shared/link/ports.ts";
import type { UpEntry } from "../../shared/wire/messages.ts";
import type { IdleKind } from "../executions/update.ts";
import type { Effect } from "../store/port/intake.ts";
import type { Claim } from "../store/port/ledgers.ts";
import type { Store } from "../store/store.ts";
import type { AgentBudget } from "./credit.ts";
import { type TakeContext, takeEntries } from "./take-entries.ts";

export interface AgentInboxOptions {
  readonly store: Store;
  /** The claim may be replaced when the link is set up again. */
  readonly claim: () => Claim;
  /** Told when another hub has taken the agent over: nothing more can be taken in here. */
  readonly lost: () => void;
  readonly context: (nowMs: number) => Promise<TakeContext>;
  /** Hub time in ms; never goes back. */
  readonly now: () => number;
  readonly newId: () => string;
  /** The agent's share of the hub's memory budget. */
  readonly budget: AgentBudget;
  /** Told after a take is on disk: what it changed, and of reports in it that changed nothing. */
  readonly taken: (effects: readonly Effect[], idle: readonly IdleKind[]) => void;
}

/** How often a take is decided again when a record changed under it. */
const attempts = 8;

export function createAgentInbox(options: AgentInboxOptions): Inbox<UpEntry> {
  const { store } = options;
  const agent = () => options.claim().agent;
  const write = async (
    epoch: string,
    mark: number,
    newMark: number,
    decide: (nowMs: number, idleReport: TakeContext["idleReport"]) => Promise<readonly Effect[]>,
  ): Promise<TakeOutcome> => {
    for (let attempt = 0; attempt < attempts; attempt++) {
      // Of this attempt: one that is decided again has counted nothing.
      const idle: IdleKind[] = [];
      const effects = await decide(options.now(), (kind) => idle.push(kind));
      const result = await store.takeIn({
        claim: options.claim(),
        epoch,
        expectMark: mark,
        newMark,
        effects,
      });
      if (result.done) {
        options.taken(effects, idle);
        return { taken: true, upTo: newMark };
      }
      if (result.why === "mark") return { taken: false, upTo: result.mark };
      if (result.why === "not-owner") {
        options.lost();
        throw new PetrelError("LINK_CLOSED", `another hub serves agent ${agent()} now`);
      }
    }
    throw new PetrelError("STORE_WRITE", `a take of agent ${agent()} met ${attempts} conflicts in a row`);
  };

  return {
    marks: (epochs) => store.marks(agent(), epochs),
    take(epoch: string, mark: number, entries: readonly NumberedEntry<UpEntry>[]) {
      const newMark = entries.at(-1)?.last ?? mark;
      return write(epoch, mark, newMark, async (nowMs, idleReport) =>
        takeEntries(entries, { ...(await options.context(nowMs)), idleReport }),
      );
    },
    async gap(epoch, from, to, reason) {
      const id = options.newId();
      await write(epoch, from - 1, to, async (nowMs) => [
        {
          type: "gap",
          gap: {
            id,
            agent: agent(),
            direction: "up",
            epoch,
            from,
            to,
            reason,
            recorded_at: timestamp(nowMs),
          },
        },
      ]);
    },
    credit: () => options.budget.credit(),
    room: options.budget.room,
  };
}
