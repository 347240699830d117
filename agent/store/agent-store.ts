/** Opens the agent's one database, and in it the two ends of its link: outbox and marks. */

import { join } from "node:path";
import type { RandomBytes } from "../../shared/clock.ts";
import { MarksStore } from "../../shared/link/marks-store.ts";
import type { OutboxLimits } from "../../shared/link/outbox-epochs.ts";
import { OutboxStore } from "../../shared/link/outbox-store.ts";
import type { Outbox } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import { type Database, openDatabase } from "../../shared/storage/database-store.ts";
import type { MendingParts } from "../../shared/storage/mending.ts";
import { systemRandom } from "../../shared/system-process.ts";
import type { UpEntry } from "../../shared/wire/messages.ts";
import { agentMigrations, agentStoreFormat } from "./format.ts";
import { agentKeys } from "./keys.ts";
import { openedOutbox, type RowSeals, rowSeals } from "./row-seals.ts";
import { openSealKey } from "./seal-key-fs.ts";

type KeyRows = Pick<Database, "level" | "committer">;

export interface AgentStoreOptions {
  /** The agent's data folder: the database is in `store`, and the key to its secrets beside it. */
  readonly data: string;
  readonly newId: () => string;
  /** Default: the system's. */
  readonly random?: RandomBytes;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
  readonly outboxLimits?: Partial<OutboxLimits>;
  /** See `DatabaseOptions`. */
  readonly mending?: MendingParts;
  /** What the note of its key goes through; a test may end the agent there. */
  readonly keyNoting?: (database: KeyRows) => KeyRows;
}

export interface AgentStore {
  readonly database: Database;
  /** To the hub. */
  readonly outbox: OutboxStore;
  /** The same as the link sends from it. */
  readonly toSend: Outbox<UpEntry>;
  /** For rows with secrets. */
  readonly rows: RowSeals;
  /** Of the hub's ledger. */
  readonly marks: MarksStore;
  close(): Promise<void>;
}

/** FOLDER_UNUSABLE, STORE_LOCKED, STORE_CORRUPT, STORE_FORMAT, KEY_FILE. Each opening begins an epoch of the outbox. */
export async function openAgentStore(options: AgentStoreOptions): Promise<AgentStore> {
  const { data, newId, random = systemRandom, now, log, outboxLimits, mending, keyNoting } = options;
  const database = await openDatabase({
    folder: join(data, "store"),
    format: agentStoreFormat,
    migrations: agentMigrations,
    newId,
    ...(mending !== undefined && { mending }),
  });
  try {
    const { level, committer } = database;
    const rows = rowSeals(await openSealKey(data, keyNoting?.(database) ?? database, random), random);
    const outbox = await OutboxStore.open({
      db: level,
      committer,
      prefix: agentKeys.outbox,
      newId,
      now,
      log,
      ...(outboxLimits !== undefined && { limits: outboxLimits }),
    });
    const marks = new MarksStore({ db: level, prefix: agentKeys.marks, now });
    const toSend = openedOutbox(outbox, rows, log);
    return { database, outbox, toSend, rows, marks, close: () => database.close() };
  } catch (error) {
    await database.close();
    throw error;
  }
}
