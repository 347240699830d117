/** What the hub does now and then so that nothing grows without bound, and nothing waits for ever. */
import { type BlobTidyOptions, tidyBlobs } from "../shared/blobs/tidy.ts";
import { type Chore, startChores } from "../shared/chores.ts";
import { timestamp } from "../shared/clock.ts";
import type { Logger } from "../shared/log.ts";
import type { Timers } from "../shared/timers.ts";
import type { AgentRegistry } from "./agents/agent-registry.ts";
import { callLost } from "./agents/call-lost.ts";
import { startDueEnds } from "./agents/due-ends.ts";
import { abandonLost } from "./agents/lost-agents.ts";
import { noteHead } from "./audit/note-head.ts";
import type { KeyBook } from "./datastore/key-book.ts";
import { tidyEnrolment } from "./enrolment/tidy.ts";
import type { HistoryCap } from "./history-cap.ts";
import type { Store } from "./store/store.ts";

export interface HousekeepingOptions {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly keys: KeyBook;
  readonly blobs: BlobTidyOptions["store"];
  /** Digests of blobs that must stay although no record names them. */
  readonly pinned: () => Iterable<string>;
  readonly retention: { readonly days: number; readonly maxInstances: number };
  readonly history: Pick<HistoryCap, "step">;
  /** Seconds an agent may be away before `petrel.agent_lost` is told. */
  readonly lostAfter: number;
  /** Hub time in ms. */
  readonly now: () => number;
  /** Milliseconds since the epoch by the host's clock, which files' times are from. */
  readonly hostNow: () => number;
  readonly timers: Timers;
  readonly log: Logger;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;
/** Milliseconds an agent may be away before what runs on it is abandoned. */
const abandonAfterMs = hourMs;
/** A pause between two steps of a purge: intake comes first. */
const pauseMs = 50;
const familiesPerStep = 500;

export function startHousekeeping(options: HousekeepingOptions): { stop(): Promise<void> } {
  const { store, registry, keys, blobs, pinned, retention, history, now, hostNow, timers, log } = options;
  const afterMs = options.lostAfter * 1_000;
  const hubSinceMs = now();
  const lookMs = Math.min(afterMs, 10_000);
  const chores: readonly Chore[] = [
    {
      name: "agents that stay away are called lost",
      firstAfterMs: lookMs,
      everyMs: lookMs,
      work: async () => {
        await callLost({ registry, now, afterMs, hubSinceMs, log });
        return undefined;
      },
    },
    {
      // They end when they are due; this finds what could not be written then.
      name: "executions of lost agents are abandoned",
      firstAfterMs: minuteMs,
      everyMs: minuteMs,
      work: async () => {
        await abandonLost({ store, registry, log, now, afterMs: abandonAfterMs });
        return undefined;
      },
    },
    {
      name: "old history is removed",
      firstAfterMs: minuteMs,
      everyMs: 10 * minuteMs,
      work: async () => {
        const before = timestamp(now() - retention.days * dayMs);
        const { maxInstances } = retention;
        const gone = await store.purge({ before, maxInstances, batch: familiesPerStep });
        if (gone.instances + gone.executions + gone.enforcements === 0) return undefined;
        log.info("old history removed", { ...gone, before });
        return pauseMs;
      },
    },
    {
      name: "history is kept below its cap",
      firstAfterMs: minuteMs,
      everyMs: 5 * minuteMs,
      work: async () => ((await history.step()) ? pauseMs : undefined),
    },
    {
      name: "the end of the audit's chain is noted in the log",
      firstAfterMs: minuteMs,
      everyMs: dayMs,
      work: async () => {
        noteHead(log, await store.auditHead());
        return undefined;
      },
    },
    {
      name: "datastore keys whose time is over are removed",
      firstAfterMs: minuteMs,
      // A rule may wait for the end of one.
      everyMs: minuteMs,
      work: async () => {
        const count = await keys.sweep();
        if (count > 0) log.info("datastore keys removed: their time is over", { count });
        return undefined;
      },
    },
    {
      name: "what enrolment leaves behind is removed",
      firstAfterMs: 2 * minuteMs,
      everyMs: hourMs,
      work: async () => {
        const { hosts, tokens } = await tidyEnrolment(store, now());
        if (hosts + tokens > 0)
          log.info("hosts that nobody let in and ended tokens are removed", { hosts, tokens });
        return undefined;
      },
    },
    {
      name: "blobs that nothing names are removed",
      firstAfterMs: 2 * minuteMs,
      everyMs: hourMs,
      work: async () => {
        await tidyBlobs({
          store: blobs,
          named: async () => new Set([...(await store.referencedBlobs()), ...pinned()]),
          limits: { youngMs: hourMs, maxAgeMs: hourMs, maxBytes: 0 },
          now: hostNow,
          log,
        });
        return undefined;
      },
    },
  ];
  const rounds = startChores(chores, { timers, log });
  const patience = { lostMs: abandonAfterMs, awayMs: 2 * minuteMs };
  const ends = startDueEnds({ store, registry, patience, now, timers, log });
  return {
    async stop() {
      await Promise.all([rounds.stop(), ends.stop()]);
    },
  };
}
