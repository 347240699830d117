/** The format of the agent's database, and how one of an older format becomes one of the newest. */
import type { Migration } from "../../shared/storage/migrate-store.ts";

/** Of everything the agent keeps; raised when old software could not read it any more. */
export const agentStoreFormat = 2;

/** Rows with secrets are sealed from here on: a version that cannot open them would run requests without parameters. */
const sealRows: Migration = { from: 1, change: null };

export const agentMigrations: readonly Migration[] = [sealRows];
