/** The `Store` port on one SQLite file that several hubs may have open at once: puts its parts together. */
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, RandomBytes } from "../../../shared/clock.ts";
import { ulidSource } from "../../../shared/ids.ts";
import type { Logger } from "../../../shared/log.ts";
import { systemJitter, systemTimers } from "../../../shared/system-process.ts";
import type { Timers } from "../../../shared/timers.ts";
import { noteHead } from "../../audit/note-head.ts";
import { createAccessStore } from "../access-store.ts";
import { createAuditStore } from "../audit-store.ts";
import { numbered } from "../chain-items.ts";
import { appendToChain, type ChainState, headOfRow, openChain } from "../chain-stamp.ts";
import { createContentStore } from "../content-store.ts";
import { createFileStore } from "../file-store.ts";
import { storeFormat } from "../format.ts";
import { createGatesStore } from "../gates-store.ts";
import type { HistoryRules } from "../history-record.ts";
import { createHistoryStore } from "../history-store.ts";
import { createIdentityStore } from "../identity-store.ts";
import { createJobsStore } from "../jobs-store.ts";
import { createLedgerStore } from "../ledger-store.ts";
import { migrations } from "../migrations.ts";
import { silentTeller, type Teller } from "../occurrence.ts";
import { createRetentionStore } from "../retention-store.ts";
import type { Store } from "../store.ts";
import { moveClock, openTally } from "../tally-record.ts";
import { createUpgradeStore } from "../upgrade-store.ts";
import { createVerificationStore } from "../verification-store.ts";
import { SharedWriter } from "./shared-writer-store.ts";
import { openSqliteFile, runKey } from "./sqlite-file-store.ts";
import { SqliteRows } from "./sqlite-rows-store.ts";

export interface SqliteStoreOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
  /** Default: the system's. */
  readonly timers?: Timers;
  /** Default: nobody is told anything. */
  readonly teller?: Teller;
  /** Cap of one agent's down ledger; default 10,000 entries and 64 MiB. The same for all who open the file. */
  readonly downCap?: { readonly entries: number; readonly bytes: number };
  /** Default: `new DatabaseSync`. */
  readonly connect?: (file: string) => DatabaseSync;
}

export interface SqliteStore extends Store {
  /** Made with the file: another one means that the store was lost. */
  readonly incarnation: string;
}

/** Opens or creates the file. FOLDER_UNUSABLE, STORE_CORRUPT, STORE_FORMAT, STORE_WRITE (held by another for long). */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { file, clock, random, logger, timers = systemTimers, connect } = options;
  const { downCap = { entries: 10_000, bytes: 64 * 1024 * 1024 } } = options;
  const newId = ulidSource(clock, random);
  const patience = { pause: (ms: number) => sleep(ms), jitter: systemJitter };
  const { db, incarnation } = await openSqliteFile({
    file,
    format: storeFormat,
    migrations,
    newId,
    patience,
    ...(connect !== undefined && { connect }),
  });
  try {
    const rows = new SqliteRows(db, patience);
    // As of the batch that is being made: other processes move both on.
    let run = "";
    const chain: ChainState = { head: null };
    const writer = new SharedWriter({
      db,
      rows,
      patience,
      timers,
      logger,
      begin: () => {
        run = rows.get(runKey) ?? "";
        const last = rows.last("ac/");
        chain.head = last === undefined ? null : headOfRow(numbered(last));
      },
      stamp: (draft, batch) => {
        appendToChain(draft, batch, chain, moveClock(draft, clock.now()));
      },
    });
    const now = () => clock.now();
    const rules: HistoryRules = {
      // All processes number in the same epochs until another one comes to them.
      get run() {
        return run;
      },
      newEpochId: newId,
      now,
      teller: options.teller ?? silentTeller,
      maxEntries: downCap.entries,
      maxBytes: downCap.bytes,
    };
    const database = { level: rows };
    await openTally(writer);
    await openChain({ level: rows, writer, state: chain }, incarnation);
    const { reload: _, ...content } = await createContentStore({ database, writer, rules, now });
    return {
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
      ...createAuditStore({ level: rows, writer }),
      ...createRetentionStore({ database, writer, logger }),
      subscribeChanges: writer.subscribe,
      incarnation,
      close: async () => {
        await writer.close();
        noteHead(logger, chain.head);
        if (db.isOpen) db.close();
      },
    };
  } catch (error) {
    db.close();
    throw error;
  }
}
