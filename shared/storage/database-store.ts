/** Opens a LevelDB folder: one owner, a known format, an identity that a lost store does not keep. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { ClassicLevel } from "classic-level";
import { PetrelError } from "../errors.ts";
import { makeFolder, syncFolder } from "../folder-fs.ts";
import { Committer } from "./committer-store.ts";
import { createMending, type Mending, type MendingParts } from "./mending.ts";
import { formatKey, type Migration, migrate, type OnMigration } from "./migrate-store.ts";

export interface Database {
  readonly level: ClassicLevel<string, string>;
  readonly committer: Committer;
  /** Made with the store; another one means that all it held is gone. */
  readonly incarnation: string;
  /** Writes what is queued, then lets go of the folder. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Created when missing, for its owner only. */
  readonly folder: string;
  /** The newest format this software reads and writes. */
  readonly format: number;
  /** How databases of older formats become those of the newest; without them these are refused. */
  readonly migrations?: readonly Migration[];
  readonly onMigration?: OnMigration;
  readonly newId: () => string;
  /**
   * Bytes gathered in memory before LevelDB sorts them into a table; default 4 MiB. What is deleted or replaced before
   * then is never sorted. Twice as much memory at most; the log is on disk all the same.
   */
  readonly writeBufferBytes?: number;
  /** What is read, checked and unpacked for one record, and written with one call; default 4 KiB. */
  readonly blockBytes?: number;
  /** With it, a database that could not be written is opened again by itself; without it, by `committer.resume`. */
  readonly mending?: MendingParts;
}

/** Keys without a prefix of their own; `~` sorts behind every other record. */
export const incarnationKey = "~incarnation";

/**
 * Opens or creates the database. FOLDER_UNUSABLE, STORE_LOCKED (another process has it), STORE_CORRUPT, STORE_FORMAT
 * (written by a newer version, or by one too old): then nothing was touched.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { folder, writeBufferBytes = 4 * 1024 * 1024, blockBytes = 4 * 1024 } = options;
  await makeUsable(folder);
  const level = new ClassicLevel<string, string>(folder, {
    keyEncoding: "utf8",
    valueEncoding: "utf8",
    writeBufferSize: writeBufferBytes,
    blockSize: blockBytes,
  });
  await level.open().catch((cause) => {
    throw openingError(folder, cause);
  });
  try {
    // Each opening of a LevelDB makes a new MANIFEST and renames CURRENT onto its name, which LevelDB leaves to the
    // system. Lost, that name leads to the old MANIFEST, or to that of a new database, which was never synced.
    await syncFolder(folder);
    const incarnation = await identify(level, options);
    let mending: Mending | null = null;
    const committer = new Committer({ db: level, onFailure: (error) => mending?.start(error) });
    if (options.mending !== undefined)
      mending = createMending({ ...options.mending, resume: () => committer.resume() });
    const close = async () => {
      mending?.stop();
      await committer.close();
      await level.close();
    };
    return { level, committer, incarnation, close };
  } catch (error) {
    await level.close();
    throw error;
  }
}

async function makeUsable(folder: string): Promise<void> {
  try {
    await makeFolder(folder, 0o700);
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new PetrelError("FOLDER_UNUSABLE", "the data folder cannot be created, read or written", {
      where: folder,
      hint: "give another folder, or change its owner and mode",
      cause,
    });
  }
}

async function identify(
  level: ClassicLevel<string, string>,
  { folder, format, newId, migrations = [], onMigration }: DatabaseOptions,
): Promise<string> {
  const [found, known] = await level.getMany([formatKey, incarnationKey]);
  if (found !== undefined && !(Number(found) <= format)) {
    throw new PetrelError("STORE_FORMAT", `the database has format ${found}, this version reads ${format}`, {
      where: folder,
      hint: "run the newer version again, or give another folder",
    });
  }
  if (found !== undefined) await migrate(level, Number(found), format, migrations, onMigration);
  if (found !== undefined && known !== undefined) return known;
  const incarnation = known ?? newId();
  await level.batch(
    [
      { type: "put", key: formatKey, value: String(format) },
      { type: "put", key: incarnationKey, value: incarnation },
    ],
    { sync: true },
  );
  return incarnation;
}

/** LevelDB says LOCKED, CORRUPTION or IO in the cause of its own error. STORE_LOCKED, STORE_CORRUPT, FOLDER_UNUSABLE. */
export function openingError(folder: string, error: unknown): PetrelError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "LEVEL_LOCKED") {
    return new PetrelError("STORE_LOCKED", "another process has the database open", {
      where: folder,
      hint: "stop the other process, or give another folder",
      cause,
    });
  }
  if (code === "LEVEL_CORRUPTION") {
    return new PetrelError("STORE_CORRUPT", "the database's files are damaged", {
      where: folder,
      hint: "restore a backup, or move the folder away to start with an empty one",
      cause,
    });
  }
  return new PetrelError("FOLDER_UNUSABLE", "the database cannot be opened", {
    where: folder,
    hint: "look at the disk space, and at the folder's owner and mode",
    cause,
  });
}
