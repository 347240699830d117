/** A worker with a real journal and no runner, for tests of what it does by itself. */
import { onTestFinished } from "vitest";
import { type AppendUp, JournalStore } from "../../agent/actions/journal-store.ts";
import { Worker, type WorkerOptions } from "../../agent/actions/worker-process.ts";
import { openAgentStore } from "../../agent/store/agent-store.ts";
import { ulidSource } from "../../shared/ids.ts";
import { silentLogger } from "../../shared/log.ts";
import { systemClock, systemRandom, systemTimers } from "../../shared/system-process.ts";
import { actionRequest } from "./runner-settings.ts";
import { tempFolder } from "./temp-folder.ts";

export interface BareWorkerOptions {
  /** Stands before the outbox. */
  readonly append?: (real: AppendUp) => AppendUp;
  readonly changes?: Partial<WorkerOptions>;
}

export async function bareWorker({ append = (real) => real, changes = {} }: BareWorkerOptions = {}) {
  const newId = ulidSource(systemClock, systemRandom);
  const store = await openAgentStore({
    data: await tempFolder("settle"),
    newId,
    now: () => Date.now(),
    log: silentLogger,
  });
  onTestFinished(() => store.close());
  const { level, committer } = store.database;
  const journal = new JournalStore({
    level,
    committer,
    append: append((entries, ops) => store.outbox.append(entries, ops)),
    rows: store.rows,
    newId,
    now: () => Date.now(),
  });
  const nothing = () => Promise.reject(new Error("nothing here asks for it"));
  const blobs: number[] = [];
  const made = new Worker({
    journal,
    runners: new Map(),
    packs: { ensurePack: nothing, packConfig: nothing },
    datastore: nothing,
    blobs: {
      put: async ({ length: size }) => {
        blobs.push(size);
        return { digest: `sha256:${"0".repeat(64)}`, size };
      },
    },
    fetchBlob: nothing,
    onOutput: () => {},
    clock: systemClock,
    hubNow: () => Date.now(),
    timers: systemTimers,
    jitter: () => 0,
    drainMs: 0,
    passPoint: () => {},
    log: silentLogger,
    ...changes,
  });
  const accept = async (secret: boolean) => {
    const request = actionRequest(secret ? { secret: ["result"] } : {});
    const { ops, open } = journal.acceptOps(request);
    await store.outbox.append([], ops);
    journal.noteAccepted(open);
    return request.execution;
  };
  const state = async (execution: string) => (await journal.states([execution])).get(execution);
  return { worker: made, accept, state, blobs };
}
