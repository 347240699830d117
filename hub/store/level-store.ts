/** The `Store` port on one LevelDB database: opens it and puts its parts together. */
import type { Clock, RandomBytes } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { ulidSource } from "../../shared/ids.ts";
import type { Logger } from "../../shared/log.ts";
import type { HistogramFigures } from "../../shared/metrics/histogram.ts";
import { type Database, openDatabase } from "../../shared/storage/database-store.ts";
import { systemJitter, systemTimers } from "../../shared/system-process.ts";
import type { Timers } from "../../shared/timers.ts";
import { noteHead } from "../audit/note-head.ts";
import { createAccessStore } from "./access-store.ts";
import { createAuditStore } from "./audit-store.ts";
import { appendToChain, type ChainState, openChain, readChainHead } from "./chain-stamp.ts";
import { createContentStore } from "./content-store.ts";
import { backupMark, type CopyProgress, copyDatabase } from "./copy-store.ts";
import type { Batch, Draft } from "./draft.ts";
import { createFileStore } from "./file-store.ts";
import { storeFormat } from "./format.ts";
import { createGatesStore } from "./gates-store.ts";
import type { HistoryRules } from "./history-record.ts";
import { createHistoryStore } from "./history-store.ts";
import { createIdentityStore } from "./identity-store.ts";
import { createJobsStore, freeLeases } from "./jobs-store.ts";
import { createLedgerStore } from "./ledger-store.ts";
import { migrations } from "./migrations.ts";
import { silentTeller, type Teller } from "./occurrence.ts";
import { createRetentionStore } from "./retention-store.ts";
import type { Store } from "./store.ts";
import { moveClock, openTally } from "./tally-record.ts";
import { createUpgradeStore } from "./upgrade-store.ts";
import { createVerificationStore } from "./verification-store.ts";
import { Writer } from "./writer-store.ts";

export interface LevelStoreOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
  /** Default: the system's. */
  readonly timers?: Timers;
  /** Default: nobody is told anything. */
  readonly teller?: Teller;
  /** Cap of one agent's down ledger; default 10,000 entries and 64 MiB. */
  readonly downCap?: { readonly entries: number; readonly bytes: number };
  /** Default: `openDatabase`. */
  readonly open?: typeof openDatabase;
}

export interface LevelStore extends Store {
  /** Made with the database: another one means that the hub's store was lost. */
  readonly incarnation: string;
  /** Copies everything as it is now into a fresh database in `folder`; see `copyDatabase`. */
  copy(
    folder: string,
    madeAt: string,
    progress: CopyProgress,
  ): Promise<{ readonly records: number; readonly blobs: ReadonlySet<string> }>;
  /** Batches, waiting requests and the last batch's time, for metrics and credit. */
  figures(): StoreFigures;
}

export interface StoreFigures {
  readonly queued: number;
  readonly batches: number;
  readonly lastBatchMs: number;
  /** Seconds until a batch was on disk. */
  readonly batchSeconds: HistogramFigures;
  readonly failed: boolean;
}

/**
 * Opens or creates the hub's database. FOLDER_UNUSABLE, STORE_LOCKED (another process has it), STORE_CORRUPT,
 * STORE_FORMAT. When a write fails later, everything is refused with STORE_WRITE until the database could be opened
 * again, which the store tries by itself.
 */
export async function openLevelStore(options: LevelStoreOptions): Promise<LevelStore> {
  const { folder, clock, random, logger, timers = systemTimers, open = openDatabase } = options;
  const newId = ulidSource(clock, random);
  let mended = () => {};
  const database = await open({
    folder,
    format: storeFormat,
    migrations,
    onMigration: ({ isDone, ...step }) =>
      logger.info(
        isDone ? "the database has its new format" : "the database is brought to a new format",
        step,
      ),
    newId,
    // Requests, their rows and the open state of executions come and go within seconds.
    writeBufferBytes: 32 * 1024 * 1024,
    // LevelDB writes each block of a table by itself, and history is mostly read in rows of many.
    blockBytes: 16 * 1024,
    mending: { timers, jitter: systemJitter, log: logger, mended: () => mended() },
  });
  try {
    if ((await database.level.get(backupMark)) !== undefined) {
      throw new PetrelError("STORE_FORMAT", "this is a backup, which no hub may run on", {
        where: folder,
        hint: "`petrel restore` makes a hub's data folder of it",
      });
    }
    const built = await buildStore(database, options, newId);
    mended = () => built.writer.announce([{ type: "reopened" }]);
    const close = async () => {
      await built.writer.close();
      noteHead(logger, built.chain.head);
      await database.close();
    };
    const figures = () => {
      const { batches, lastBatchMs, batchSeconds, failed } = database.committer.figures();
      return { queued: built.writer.queued, batches, lastBatchMs, batchSeconds, failed };
    };
    const copy: LevelStore["copy"] = (target, madeAt, progress) =>
      copyDatabase(database.level, target, madeAt, progress);
    return { ...built.store, incarnation: database.incarnation, copy, figures, close };
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function buildStore(database: Database, options: LevelStoreOptions, newId: () => string) {
  const { clock, logger, downCap = { entries: 10_000, bytes: 64 * 1024 * 1024 } } = options;
  const chain: ChainState = { head: await readChainHead(database.level) };
  const stamp = (draft: Draft, batch: Batch) => {
    appendToChain(draft, batch, chain, moveClock(draft, clock.now()));
  };
  const writer = new Writer({ database, logger, stamp });
  const rules: HistoryRules = {
    run: newId(),
    newEpochId: newId,
    now: () => clock.now(),
    teller: options.teller ?? silentTeller,
    maxEntries: downCap.entries,
    maxBytes: downCap.bytes,
  };
  await openTally(writer);
  await openChain({ level: database.level, writer, state: chain }, database.incarnation);
  await freeLeases({ database, writer });
  const now = () => clock.now();
  const { reload, ...content } = await createContentStore({ database, writer, rules, now });
  database.committer.onResume(async () => {
    writer.forget();
    chain.head = await readChainHead(database.level);
    await reload();
  });
  const disk = {
    size: (gte: string, lt: string) => database.level.approximateSize(gte, lt),
    compact: (gte: string, lt: string) => database.level.compactRange(gte, lt),
  };
  const store: Omit<Store, "close"> = {
    ...content,
    ...createLedgerStore({ database, writer, rules, now }),
    ...createHistoryStore({ database, writer, rules }),
    ...createGatesStore({ database, writer, rules }),
    ...createFileStore({ database, writer }),
    ...createAccessStore({ database, writer }),
    ...createVerificationStore({ database, writer }),
    ...createIdentityStore({ database, writer }),
    ...createUpgradeStore({ database, writer, rules }),
    ...createJobsStore({ database, writer }),
    ...createAuditStore({ level: database.level, writer }),
    ...createRetentionStore({ database, writer, logger, disk }),
    subscribeChanges: writer.subscribe,
  };
  return { store, writer, chain };
}
