/** Whether a process has the agent's database open: LevelDB locks a file in it, which can be seen without taking the lock. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isTaken } from "../../shared/install/turn-process.ts";

const lockOf = (data: string) => join(data, "store", "LOCK");

/**
 * False also where it cannot be seen. Only before this process opens the database itself: LevelDB's lock is the process's,
 * and lost when any descriptor of the file is closed (fcntl(2)), also the one that is opened here.
 */
export function isDatabaseOpen(data: string): boolean {
  try {
    return isTaken(lockOf(data));
  } catch {
    return false;
  }
}

/** By another process than this one, as the kernel lists it, which opens nothing; false also where it cannot be seen. */
export function isDatabaseOpenElsewhere(data: string): boolean {
  try {
    const { ino } = statSync(lockOf(data), { bigint: true });
    return holdersOf(String(ino), readFileSync("/proc/locks", "utf8")).some((pid) => pid !== process.pid);
  } catch {
    return false;
  }
}

/** `NUMBER: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE START END`; by the inode alone: stat(2) names other devices for some file systems. */
function holdersOf(inode: string, locks: string): readonly number[] {
  return locks.split("\n").flatMap((line) => {
    const [, pid, of] = /^\d+: \S+ +\S+ +WRITE +(-?\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line) ?? [];
    return of === inode ? [Number(pid)] : [];
  });
}
