/** How what is selected is watched, and what that cannot see: in words. Pure. */
import { type BytePath, shownPath } from "../../shared/watch/paths.ts";
import type { CoveredPath, UnreadablePath } from "../../shared/watch/questions.ts";
import type { Coverage } from "./observer.ts";

const network = /^(nfs4?|cifs|smb3|ceph|9p|glusterfs|lustre|afs)$/;
/** Made by the kernel as they are read. */
const virtual = /^(proc|sysfs|cgroup2?|debugfs|tracefs|configfs|securityfs|bpf|efivarfs|pstore|selinuxfs)$/;

/** What is found by a sweep at the earliest, or not at all. */
export function cannotSee(
  { backend, filesystem }: Pick<Coverage, "backend" | "filesystem">,
  isFollowed = false,
): string[] {
  const unseen: string[] = [];
  if (backend === "sweep") {
    unseen.push("what came and went between two sweeps", "who made a change, and when exactly");
  } else {
    unseen.push(
      "stores through a memory mapping, until it ends or a sweep finds them",
      "writes through another name (hard link) outside of what is watched, until a sweep",
    );
  }
  if (backend === "inotify") {
    unseen.push("which process made a change, unless audit says so (who: audit)");
  }
  if (isFollowed) unseen.push("changes of files that followed links lead to, until a sweep");
  if (network.test(filesystem)) unseen.push("changes made by other hosts, until a sweep");
  else if (filesystem.startsWith("fuse")) {
    unseen.push("changes that the file system's own server makes, until a sweep");
  }
  if (filesystem === "overlay") {
    unseen.push("changes made in its lower or upper folder, past the overlay, until a sweep");
  }
  if (virtual.test(filesystem)) {
    unseen.push("what the kernel itself changes, and content: files there have no size, and none is read");
    return unseen;
  }
  unseen.push("content that decayed or was altered on the device, until a full sweep");
  return unseen;
}

const needsRoot = ["fanotify_init: EPERM", "fanotify needs root (fanotify_init: EPERM)"] as const;

/** `sweepEverySeconds` 0: never; then nothing finds what the kernel does not tell. */
export function coveredPath(
  coverage: Coverage,
  at: {
    readonly exists: boolean;
    readonly sweepEverySeconds: number;
    /** Links in it are followed. */
    readonly isFollowed?: boolean;
  },
): CoveredPath {
  const { path, mount, filesystem, backend } = coverage;
  const isSwept = at.sweepEverySeconds > 0;
  const state = coverage.state === "polled" && !isSwept ? "blind" : coverage.state;
  const reasons = [
    coverage.reason.replace(...needsRoot),
    !at.exists && "nothing is there at present",
    state === "blind" && !isSwept && "sweeps are off (sweep_every: 0)",
  ];
  return {
    ...shownPath(path),
    state,
    backend,
    mount: shownPath(mount).path,
    filesystem,
    reason: reasons.filter((reason) => typeof reason === "string" && reason !== "").join("; "),
    cannot_see: cannotSee({ backend, filesystem }, at.isFollowed),
  };
}

/** A part of the tree in which some folders, with all that is below them, have no watch. */
export function partlyCovered(whole: Coverage, unwatched: readonly BytePath[]): readonly Coverage[] {
  const reason = "no watch is left for it and what is below it: raise fs.inotify.max_user_watches (sysctl)";
  const polled = unwatched.map(
    (path): Coverage => ({ ...whole, path, backend: "sweep", state: "polled", reason }),
  );
  return unwatched.includes(whole.path) ? polled : [whole, ...polled];
}

/** The first of them by path, and how many there are. */
export function unreadablePaths(
  entries: Iterable<readonly [path: BytePath, code: string]>,
  most: number,
): { readonly unreadable: number; readonly unreadable_paths: readonly UnreadablePath[] } {
  const all = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  const shown = all.slice(0, most).map(([path, error]) => ({ ...shownPath(path), error }));
  return { unreadable: all.length, unreadable_paths: shown };
}

/** As many of the first as fit into `bytes` of JSON. */
export function fitting<T>(all: readonly T[], most: number, bytes: number): readonly T[] {
  let room = bytes;
  const end = all.slice(0, most).findIndex((one) => {
    room -= Buffer.byteLength(JSON.stringify(one)) + 1;
    return room < 0;
  });
  return all.slice(0, end === -1 ? most : end);
}
