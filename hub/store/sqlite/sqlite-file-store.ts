/** Opens an SQLite file that several hubs may share: its tables, its format, its identity. */
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PetrelError } from "../../../shared/errors.ts";
import { makeFolder } from "../../../shared/folder-fs.ts";
import { type Migration, rangesOf } from "../../../shared/storage/migrate-store.ts";

export interface SqliteFileOptions {
  /** Created when missing, in a folder for its owner only. */
  readonly file: string;
  /** The newest format this software reads and writes. */
  readonly format: number;
  /** How a file of an older format becomes one of the newest; without them it is refused. */
  readonly migrations?: readonly Migration[];
  readonly newId: () => string;
  readonly patience: Patience;
  /** Default: `new DatabaseSync`. */
  readonly connect?: (file: string) => DatabaseSync;
}

export interface SqliteFile {
  readonly db: DatabaseSync;
  /** Made with the store; another one means that all it held is gone. */
  readonly incarnation: string;
}

/** How to wait while another process holds the file. */
export interface Patience {
  /** Keeps the process alive meanwhile: somebody waits for what comes after it. */
  readonly pause: (ms: number) => Promise<void>;
  /** Evenly spread in [0, 1): two that collide must not collide again. */
  readonly jitter: () => number;
}

/** Records, and what each batch changed, for the other processes that have the file open. */
const tables = `
  CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS changes (turn INTEGER PRIMARY KEY, batch TEXT NOT NULL);`;

/** SQLite itself waits no longer, since it blocks the event loop meanwhile. */
const blockedMs = 5;
const mostWaits = 2_000;
const mostPauseMs = 10;

const formatKey = "~format";
const incarnationKey = "~incarnation";
/** Named anew by every process that opens the file: epochs of earlier runs are not continued. */
export const runKey = "~run";

/**
 * Opens or creates the file. FOLDER_UNUSABLE, STORE_CORRUPT (it is no database, or a damaged one), STORE_FORMAT
 * (written by another version), STORE_WRITE (another process holds it for too long).
 */
export async function openSqliteFile(options: SqliteFileOptions): Promise<SqliteFile> {
  const { file, format, migrations = [], newId, patience, connect = newConnection } = options;
  let db: DatabaseSync | null = null;
  try {
    await makeFolder(dirname(file), 0o700);
    const opened = connect(file);
    db = opened;
    // Synced at every commit: what was promised outlives a loss of power.
    await whenFree(patience, () => opened.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
    const incarnation = await whenFree(patience, () =>
      transact(opened, () => {
        opened.exec(tables);
        return identify(opened, { file, format, migrations, newId });
      }),
    );
    return { db: opened, incarnation };
  } catch (error) {
    db?.close();
    throw error instanceof PetrelError ? error : openingError(file, error);
  }
}

/** Runs `work` with the file locked for writing, all or none. Throws what SQLite throws, also when it is busy. */
export function transact<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

/** Tries again while another process holds the file; STORE_WRITE when that takes longer than some 10 s. */
export async function whenFree<T>({ pause, jitter }: Patience, work: () => T): Promise<T> {
  for (let waits = 0; ; waits++) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (waits === mostWaits) {
        throw new PetrelError("STORE_WRITE", "another process holds the database; nothing was written", {
          hint: "look for a hub that is stopped in the middle of its work",
          cause: error,
        });
      }
    }
    await pause(1 + jitter() * (mostPauseMs - 1));
  }
}

function newConnection(file: string): DatabaseSync {
  return new DatabaseSync(file, { timeout: blockedMs });
}

function identify(
  db: DatabaseSync,
  {
    file,
    format,
    migrations,
    newId,
  }: Required<Pick<SqliteFileOptions, "file" | "format" | "migrations" | "newId">>,
): string {
  const read = (key: string) => db.prepare("SELECT value FROM records WHERE key = ?").get(key)?.value;
  const write = (key: string, value: string) =>
    db.prepare("INSERT OR REPLACE INTO records VALUES (?, ?)").run(key, value);
  const found = read(formatKey);
  if (found !== undefined && !(Number(found) <= format)) {
    throw new PetrelError("STORE_FORMAT", `the database has format ${found}, this version reads ${format}`, {
      where: file,
      hint: "run the version that wrote it, or give another file",
    });
  }
  if (found !== undefined) migrateFile(db, { file, found: Number(found), format, migrations });
  const incarnation = String(read(incarnationKey) ?? newId());
  write(formatKey, String(format));
  write(incarnationKey, incarnation);
  write(runKey, JSON.stringify(newId()));
  return incarnation;
}

/** In the transaction that opens the file: all steps or none, and no other process writes meanwhile. */
function migrateFile(
  db: DatabaseSync,
  given: {
    readonly file: string;
    readonly found: number;
    readonly format: number;
    readonly migrations: readonly Migration[];
  },
): void {
  const { file, found, format, migrations } = given;
  const next = db.prepare("SELECT key, value FROM records WHERE key > ? AND key < ? ORDER BY key LIMIT 500");
  const put = db.prepare("INSERT OR REPLACE INTO records VALUES (?, ?)");
  const remove = db.prepare("DELETE FROM records WHERE key = ?");
  for (let from = found; from < format; from++) {
    const step = migrations.find((each) => each.from === from);
    if (step === undefined) {
      throw new PetrelError("STORE_FORMAT", `no way leads from format ${from} of the database to ${format}`, {
        where: file,
        hint: "run a version in between first",
      });
    }
    const { change, prefixes } = step;
    if (change === null) continue;
    for (const { gt, lt } of rangesOf(prefixes, "")) {
      for (let rows = next.all(gt, lt); rows.length > 0; rows = next.all(String(rows.at(-1)?.key), lt)) {
        for (const { key, value } of rows) {
          for (const op of change(String(key), String(value))) {
            if (op.type === "put") put.run(op.key, op.value);
            else remove.run(op.key);
          }
        }
      }
    }
  }
}

/** The extended result code's low byte is the code itself (sqlite.org/rescode.html). */
function codeOf(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}

const busy = 5;
const corrupt: ReadonlySet<number | null> = new Set([11, 26]);

const isBusy = (error: unknown) => codeOf(error) === busy;

function openingError(file: string, cause: unknown): PetrelError {
  if (corrupt.has(codeOf(cause))) {
    return new PetrelError("STORE_CORRUPT", "the database's file is damaged", {
      where: file,
      hint: "restore a backup, or move the file away to start with an empty one",
      cause,
    });
  }
  return new PetrelError("FOLDER_UNUSABLE", "the database cannot be opened", {
    where: file,
    hint: "look at the disk space, and at the folder's owner and mode",
    cause,
  });
}
