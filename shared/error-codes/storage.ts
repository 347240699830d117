/** Databases and backups. */
import type { Codes } from "./entry.ts";

export const storageCodes = {
  STORE_WRITE: {
    status: 507,
    exit: 1,
    retry: true,
    text: "A batch could not be written; nothing of it was promised.",
  },
  STORE_LOCKED: { status: 500, exit: 1, text: "Another process has the database open." },
  STORE_CORRUPT: { status: 500, exit: 1, text: "The database's files are damaged." },
  STORE_FORMAT: { status: 500, exit: 1, text: "The database was written by a newer version." },
  BACKUP_INVALID: { status: 400, exit: 1, text: "A folder is no whole backup." },
  BACKUP_RUNNING: { status: 409, exit: 1, retry: true, text: "A backup is being made already." },
} as const satisfies Codes;
