/** An agent's part of the intake records: what was being taken in, and where an entry goes that must not be again. */
import { timestamp } from "../../shared/clock.ts";
import type { IntakeJournal, IntakeRecord } from "../../shared/link/poison.ts";
import type { Logger } from "../../shared/log.ts";
import type { UpEntry } from "../../shared/wire/messages.ts";
import { isFinal, step } from "../executions/life.ts";
import { setAsideReason } from "../executions/set-aside-report.ts";
import { type KeptEntry, letterEntry } from "../secrets/sealed-letter.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { DeadLetter } from "../store/port/history.ts";
import type { Effect } from "../store/port/intake.ts";
import type { Claim } from "../store/port/ledgers.ts";
import type { Store } from "../store/store.ts";
import { logLost } from "./lost-result.ts";

export interface IntakeJournalOptions {
  readonly agent: string;
  readonly claim: () => Claim;
  readonly records: {
    read(agent: string): IntakeRecord | null;
    write(agent: string, record: IntakeRecord): Promise<void>;
  };
  readonly store: Pick<Store, "takeIn" | "execution">;
  readonly sealer: Sealer;
  readonly now: () => number;
  readonly newId: () => string;
  readonly log: Pick<Logger, "error">;
}

export function createIntakeJournal({
  agent,
  claim,
  records,
  store,
  sealer,
  now,
  newId,
  log,
}: IntakeJournalOptions): IntakeJournal<UpEntry> {
  /** Nobody will tell again how that execution ended: it has failed, with the reason. */
  const settled = async (entry: UpEntry, { code, reason }: DeadLetter): Promise<readonly Effect[]> => {
    if (entry.kind !== "execution-update" || entry.status === "accepted" || !isFinal(entry.status)) return [];
    const execution = await store.execution(entry.execution);
    if (execution === null || execution.agent !== agent) return [];
    const failed = step(execution, { type: "fail", at: now(), reason: setAsideReason(code, reason) });
    return failed.moved ? [{ type: "execution", execution: failed.execution, expectRev: execution.rev }] : [];
  };
  return {
    read: async () => records.read(agent),
    write: (record) => records.write(agent, record),
    async deadLetter(epoch, mark, { last, entry }, reason) {
      const letter: DeadLetter = {
        id: newId(),
        agent,
        received_at: timestamp(now()),
        code: "WIRE_PACKET",
        reason,
        ...(JSON.parse(JSON.stringify(letterEntry(entry, sealer))) as KeptEntry),
      };
      logLost(letter, log);
      const result = await store.takeIn({
        claim: claim(),
        epoch,
        expectMark: mark,
        newMark: last,
        effects: [{ type: "dead-letter", letter }, ...(await settled(entry, letter))],
      });
      if (result.done) return { taken: true, upTo: last };
      return { taken: false, upTo: result.why === "mark" ? result.mark : mark };
    },
  };
}
