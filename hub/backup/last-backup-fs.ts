/** `last-backup.json` in the hub's data folder: when its last backup was made, for whoever asks how old that is. */
import { join } from "node:path";
import { isObject } from "../../shared/json.ts";
import { textIfThere, writeWhole } from "../../shared/whole-file-fs.ts";

export interface LastBackup {
  /** RFC 3339, hub time: what it is a copy of. */
  readonly at: string;
  readonly folder: string;
}

const pathOf = (data: string) => join(data, "last-backup.json");

/** `null` when there is none, or the file is somebody else's. Rejects with the system's error. */
export async function readLastBackup(data: string): Promise<LastBackup | null> {
  const text = await textIfThere(pathOf(data));
  try {
    const value: unknown = JSON.parse(text ?? "null");
    if (!isObject(value) || typeof value.at !== "string" || typeof value.folder !== "string") return null;
    return Number.isNaN(Date.parse(value.at)) ? null : { at: value.at, folder: value.folder };
  } catch {
    return null;
  }
}

/** Resolves once on disk. Rejects with the system's error. */
export async function noteLastBackup(data: string, last: LastBackup): Promise<void> {
  await writeWhole(pathOf(data), `${JSON.stringify(last)}\n`, 0o600);
}
