/** What the baseline's row of a path is called. Pure. */
import { type BytePath, pathOfKey, walkKey } from "../../shared/watch/paths.ts";

/** Before the walk key of a path. */
export const rowPrefix = "b";

/** One character for each byte. */
export function rowKey(path: BytePath): string {
  return rowPrefix + walkKey(path);
}

export function pathOfRow(key: string): BytePath {
  return pathOfKey(key.slice(rowPrefix.length));
}
