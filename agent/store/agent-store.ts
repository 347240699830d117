/** Opens the agent's one database, and in it the two ends of its link: outbox and marks. */
import { MarksStore } from "../../shared/link/marks-store.ts";
import type { OutboxLimits } from "../../shared/link/outbox-epochs.ts";
import { OutboxStore } from "../../shared/link/outbox-store.ts";
import type { Logger } from "../../shared/log.ts";
import { type Database, openDatabase } from "../../shared/storage/database-store.ts";
import type { MendingParts } from "../../shared/storage/mending.ts";
import { agentKeys } from "./keys.ts";

/** Of everything the agent keeps; raised when old software could not read it any more. */
export const agentStoreFormat = 1;

export interface AgentStoreOptions {
  /** Created when missing, for its owner only. */
  readonly folder: string;
  readonly newId: () => string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
  readonly outboxLimits?: Partial<OutboxLimits>;
  /** See `DatabaseOptions`. */
  readonly mending?: MendingParts;
}

export interface AgentStore {
  readonly database: Database;
  /** To the hub. */
  readonly outbox: OutboxStore;
  /** Of the hub's ledger. */
  readonly marks: MarksStore;
  close(): Promise<void>;
}

/** FOLDER_UNUSABLE, STORE_LOCKED, STORE_CORRUPT, STORE_FORMAT. Each opening begins an epoch of the outbox. */
export async function openAgentStore(options: AgentStoreOptions): Promise<AgentStore> {
  const { folder, newId, now, log, outboxLimits, mending } = options;
  const database = await openDatabase({
    folder,
    format: agentStoreFormat,
    newId,
    ...(mending !== undefined && { mending }),
  });
  try {
    const { level, committer } = database;
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
    return { database, outbox, marks, close: () => database.close() };
  } catch (error) {
    await database.close();
    throw error;
  }
}
