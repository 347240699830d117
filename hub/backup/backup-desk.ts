/** Backups that were asked for: one at a time, each with a record of how far it is. */
import { timestamp } from "../../shared/clock.ts";
import { type ErrorReport, errorReport, PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { BackupManifest } from "./manifest.ts";

export interface BackupRecord {
  readonly id: string;
  /** On the hub's host. */
  readonly folder: string;
  readonly state: "running" | "done" | "failed";
  readonly started_at: string;
  readonly ended_at: string | null;
  /** Copied so far. */
  readonly records: number;
  readonly blobs: number;
  readonly manifest: BackupManifest | null;
  readonly error: ErrorReport | null;
}

export interface Progress {
  readonly blobs: (digests: ReadonlySet<string>) => void;
  readonly records: (done: number) => void;
  readonly copiedBlobs: (done: number) => void;
}

export interface BackupDeskOptions {
  /** Refuses a folder that cannot take a backup. */
  readonly refuse: (folder: string) => Promise<void>;
  readonly write: (folder: string, progress: Progress) => Promise<BackupManifest>;
  readonly now: () => number;
  readonly newId: () => string;
  readonly log: Logger;
}

/** Ended ones whose records are kept. */
const kept = 16;

export class BackupDesk {
  readonly #options: BackupDeskOptions;
  /** Oldest first. In memory only: what a restart ends is removed with what it has written. */
  readonly #records = new Map<string, BackupRecord>();
  #pinned: ReadonlySet<string> = new Set();
  #running: Promise<void> | null = null;
  #isStarting = false;
  #isClosed = false;

  constructor(options: BackupDeskOptions) {
    this.#options = options;
  }

  /** Digests that the backup under way has yet to copy. */
  get pinned(): ReadonlySet<string> {
    return this.#pinned;
  }

  /** Resolves once it has begun. BACKUP_RUNNING, and what the folder is refused with. */
  async start(folder: string): Promise<BackupRecord> {
    const { refuse, now, newId } = this.#options;
    if (this.#running !== null || this.#isStarting || this.#isClosed) {
      throw new PetrelError("BACKUP_RUNNING", "a backup is being made", {
        hint: "try again when it is done",
      });
    }
    this.#isStarting = true;
    try {
      await refuse(folder);
    } finally {
      this.#isStarting = false;
    }
    const record: BackupRecord = {
      id: newId(),
      folder,
      state: "running",
      started_at: timestamp(now()),
      ended_at: null,
      records: 0,
      blobs: 0,
      manifest: null,
      error: null,
    };
    this.#put(record);
    this.#running = this.#run(record.id, folder);
    return record;
  }

  get(id: string): BackupRecord | null {
    return this.#records.get(id) ?? null;
  }

  /** Ends the one under way; resolves when nothing is left of it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #run(id: string, folder: string): Promise<void> {
    const { write, now, log } = this.#options;
    const go = (change: Partial<BackupRecord>) => {
      if (this.#isClosed) throw new PetrelError("LINK_CLOSED", "the hub stops");
      this.#change(id, change);
    };
    try {
      const manifest = await write(folder, {
        blobs: (digests) => {
          this.#pinned = digests;
        },
        records: (records) => go({ records }),
        copiedBlobs: (blobs) => go({ blobs }),
      });
      this.#change(id, { state: "done", manifest, ended_at: timestamp(now()) });
      log.info("backup made", { folder, records: manifest.records, blobs: manifest.blobs });
    } catch (error) {
      this.#change(id, { state: "failed", error: errorReport(error), ended_at: timestamp(now()) });
      log.error("a backup could not be made", { folder, error });
    } finally {
      this.#pinned = new Set();
      this.#running = null;
    }
  }

  #change(id: string, change: Partial<BackupRecord>): void {
    const record = this.#records.get(id);
    if (record !== undefined) this.#put({ ...record, ...change });
  }

  #put(record: BackupRecord): void {
    this.#records.set(record.id, record);
    const [oldest] = this.#records.keys();
    if (this.#records.size > kept && oldest !== undefined) this.#records.delete(oldest);
  }
}
