/** Reads rows that are most likely absent, or were written a moment ago, without leaving the calling thread. */
import type { ClassicLevel } from "classic-level";

/** More than this many go to another thread after all: their sum may be worth a disk's time. */
const mostAtOnce = 256;

/**
 * The texts of `keys`, in their order. LevelDB answers for an absent or a fresh row from memory (the filters of its
 * tables, the newest writes) within a microsecond, while handing the question to a thread costs thirty times that, and
 * a batch waits for it. A row that is neither is read from the system's cache, and in the worst case from the disk.
 */
export async function readNow(
  level: ClassicLevel<string, string>,
  keys: readonly string[],
): Promise<(string | undefined)[]> {
  // While it is opened again, the other way waits or says why not.
  if (keys.length > mostAtOnce || level.status !== "open") return level.getMany([...keys]);
  return keys.map((key) => level.getSync(key));
}
