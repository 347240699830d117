/** Whether a process has the agent's database open: LevelDB locks a file in it, which can be seen without taking the lock. */
import { join } from "node:path";
import { isTaken } from "../../shared/install/turn-process.ts";

/** False also where it cannot be seen. */
export function isDatabaseOpen(data: string): boolean {
  try {
    return isTaken(join(data, "store", "LOCK"));
  } catch {
    return false;
  }
}
