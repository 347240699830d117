/**
 * Lets the main thread be another user for one call. On Linux user and groups belong to each thread (credentials(7), "NPTL");
 * glibc's functions change all threads, the system calls only the one that makes them. What is started meanwhile belongs to
 * the other user for good: at exec the saved user becomes the effective one.
 */
import type { ProcessIds } from "./started-process.ts";

export interface CallerIds {
  /** Without the effective group, which `process.getgroups` adds. */
  groups(): readonly number[];
  /** Each throws when the kernel refuses. */
  setGroups(groups: readonly number[]): void;
  setGroup(real: number, effective: number, saved: number): void;
  setUser(real: number, effective: number, saved: number): void;
  /** Ends the process at once. */
  abort(): void;
  /** A change of user takes it away, and with it core dumps and /proc/self (prctl(2), PR_SET_DUMPABLE). */
  keepDumpable(): void;
}

/** Numbers of setgroups, setresuid and setresgid. */
const numbers: Readonly<Partial<Record<NodeJS.Architecture, readonly [number, number, number]>>> = {
  x64: [116, 117, 119],
  arm64: [159, 147, 149],
};
const setDumpable = 4;
/** NGROUPS_MAX */
const mostGroups = 65_536;

/** Throws where this cannot be done. */
export function loadCallerIds(koffi: typeof import("koffi")): CallerIds {
  const known = numbers[process.arch];
  if (known === undefined) throw new Error(`no system calls are known for ${process.arch}`);
  const [setgroups, setresuid, setresgid] = known;
  const libc = koffi.load(null);
  const three = libc.func("long syscall(long number, long a, long b, long c)");
  const list = libc.func("long syscall(long number, long a, void *b)");
  const getgroups = libc.func("int getgroups(int size, void *list)");
  const prctl = libc.func("int prctl(int option, unsigned long value)");
  const checked = (what: string, result: number) => {
    if (result !== 0) throw new Error(`${what}: errno ${koffi.errno()}`);
  };
  return {
    groups: () => {
      const bytes = Buffer.alloc(mostGroups * 4);
      const count = getgroups(mostGroups, bytes);
      if (count < 0) throw new Error(`getgroups: errno ${koffi.errno()}`);
      return Array.from({ length: count }, (_, place) => bytes.readUInt32LE(place * 4));
    },
    setGroups: (groups) => {
      const bytes = Buffer.alloc(Math.max(4, groups.length * 4));
      for (const [place, group] of groups.entries()) bytes.writeUInt32LE(group, place * 4);
      checked("setgroups", list(setgroups, groups.length, bytes));
    },
    setGroup: (...ids) => checked("setresgid", three(setresgid, ...ids)),
    setUser: (...ids) => checked("setresuid", three(setresuid, ...ids)),
    abort: () => process.abort(),
    keepDumpable: () => void prctl(setDumpable, 1),
  };
}

/**
 * Only for root, and for what does not wait: anything else of this thread would be that user, too. Throws what the kernel
 * refuses (a container may leave root without these rights); then everything is as it was.
 */
export function asIds<T>({ uid, gid, groups }: ProcessIds, ids: CallerIds, call: () => T): T {
  const before = { groups: ids.groups(), gid: process.getgid?.() ?? 0 };
  const undo: (() => void)[] = [];
  try {
    ids.setGroups([gid, ...groups]);
    undo.push(() => ids.setGroups(before.groups));
    ids.setGroup(gid, gid, gid);
    undo.push(() => ids.setGroup(before.gid, before.gid, before.gid));
    // Root stays the saved user: who has given up that one cannot return.
    ids.setUser(uid, uid, 0);
    undo.push(
      () => ids.keepDumpable(),
      () => ids.setUser(0, 0, 0),
    );
    return call();
  } finally {
    try {
      for (const step of undo.toReversed()) step();
    } catch {
      // Half of one user and half of another is nobody that could go on.
      ids.abort();
    }
  }
}
