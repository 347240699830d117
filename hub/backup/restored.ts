/** What a hub's database remembers of having been restored from a backup. */
import { parseTimestamp } from "../../shared/clock.ts";
import { isObject, type Json } from "../../shared/json.ts";

/** Name of the setting. */
export const restoredSetting = "restored";

export interface Restored {
  /** The moment the backup was a copy of. */
  readonly made_at: string;
  readonly restored_at: string;
  readonly [name: string]: Json;
}

/** When it was restored, in ms; `null` for a database that never was. */
export function restoredAt(setting: Json): number | null {
  return isObject(setting) && typeof setting.restored_at === "string"
    ? parseTimestamp(setting.restored_at)
    : null;
}
