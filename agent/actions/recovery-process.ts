/** After a restart: finds out about executions that have no result, and ends what is left of them. */
import type { Logger } from "../../shared/log.ts";
import { endSurvivors } from "./family-process.ts";
import { type OpenExecution, queuedRequest, recoveryStep } from "./journal.ts";
import type { JournalStore } from "./journal-store.ts";
import type { RunOutcome } from "./outcome.ts";
import type { QueuedRequest } from "./queue.ts";

export interface RecoveryOptions {
  readonly journal: JournalStore;
  /** Milliseconds since the epoch by the hub's clock. */
  readonly hubNow: () => number;
  /** Not waited for: with a full outbox it needs the link, which waits for the recovery. */
  readonly settle: (execution: string, outcome: RunOutcome) => void;
  /** By execution: those that run on, and need nothing. */
  readonly handed?: ReadonlyMap<string, unknown>;
  readonly log: Logger;
}

/**
 * No execution is settled, and none started again, before every process that is left of it has gone. Resolves with
 * those that may run, oldest first.
 */
export async function recover(options: RecoveryOptions): Promise<readonly QueuedRequest[]> {
  const open = options.journal
    .openExecutions()
    .filter(({ execution }) => options.handed?.has(execution) !== true);
  const queued = await Promise.all(open.map((execution) => recoverOne(execution, options)));
  return queued.filter((request) => request !== null);
}

async function recoverOne(
  open: OpenExecution,
  { journal, hubNow, settle, log }: RecoveryOptions,
): Promise<QueuedRequest | null> {
  const { execution, started } = open;
  if (started === null && open.cancel === null) return queuedRequest(open);
  const step = recoveryStep(open, await journal.request(execution), hubNow());
  const gone = started === null || (await endAll(open, log));
  switch (step.kind) {
    case "queue":
      return queuedRequest(open);
    case "again":
      if (gone) return queuedRequest(open);
      // Two of them at once would be worse than none.
      settle(execution, lost("abandoned", "its processes from before would not go"));
      return null;
    case "settle":
      settle(execution, lost(step.status, gone ? step.reason : `${step.reason}; its processes would not go`));
      return null;
  }
}

/** True when nothing of it lives any more, wherever it went. */
async function endAll({ execution, started }: OpenExecution, log: Logger): Promise<boolean> {
  const group = started?.group ?? null;
  if (group === null) return true;
  const gone = await endSurvivors(group, execution, { graceMs: 0 });
  if (gone !== null) log.warn("killed what an execution left behind", { execution, pgid: group.pgid, gone });
  return gone ?? true;
}

function lost(status: RunOutcome["status"], reason: string): RunOutcome {
  return { status, result: { error: reason }, reason };
}
