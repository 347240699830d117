/**
 * One upgrade at a time: whoever holds a lock on a file has the turn. The kernel keeps it (F_OFD_SETLK of fcntl(2)) and
 * gives it back when the process dies, however it dies; the file stays, and says nothing by being there.
 */
import { closeSync, openSync } from "node:fs";
import { PetrelError } from "../errors.ts";
import { loadKoffi } from "../runtime/addon-process.ts";

/** <fcntl.h> of Linux: the same on x64 and arm64. */
const lockCommand = 37;
const lookCommand = 36;
const writeLock = 1;
const unlocked = 2;
/** struct flock: type, whence, start, length (0: all of the file), pid. */
const lockBytes = 32;

type Control = (fd: number, command: number, lock: Buffer) => number;
let control: Control | undefined;
let errno: () => number = () => 0;

function ask(fd: number, command: number): { readonly failed: number | null; readonly type: number } {
  if (control === undefined) {
    const koffi = loadKoffi();
    control = koffi
      .load(null)
      .func("int fcntl(int fd, int command, _Inout_ uint8_t *lock)") as unknown as Control;
    errno = () => koffi.errno();
  }
  const lock = Buffer.alloc(lockBytes);
  lock.writeInt16LE(writeLock, 0);
  const failed = control(fd, command, lock) === 0 ? null : errno();
  return { failed, type: lock.readInt16LE(0) };
}

/** EAGAIN, and EACCES for some file systems. */
const isHeld = (failed: number) => failed === 11 || failed === 13;

/**
 * Resolves to what `work` does while this process has the turn. `file` is made if it is missing, in a folder that is
 * there. UPGRADE_RUNNING when somebody else has the turn; the system's error.
 */
export async function inTurn<T>(file: string, work: () => Promise<T>): Promise<T> {
  // Closed at exec: a program that is started meanwhile, or that takes this one's place, does not keep the turn.
  const fd = openSync(file, "a", 0o600);
  try {
    const { failed } = ask(fd, lockCommand);
    if (failed !== null) {
      if (!isHeld(failed)) throw new Error(`${file} cannot be locked: errno ${failed}`);
      throw new PetrelError("UPGRADE_RUNNING", "another process upgrades this program at present", {
        where: file,
        hint: "wait for it to end",
      });
    }
    return await work();
  } finally {
    closeSync(fd);
  }
}

/** Whether somebody has the turn; takes it from nobody. False where nobody ever had it. */
export function isTaken(file: string): boolean {
  let fd: number;
  try {
    fd = openSync(file, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  try {
    return ask(fd, lookCommand).type !== unlocked;
  } finally {
    closeSync(fd);
  }
}
