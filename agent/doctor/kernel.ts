/** What the kernel lets the agent do, judged. Pure. */
import { type Found, note, ok, warning } from "../../shared/doctor/finding.ts";

export interface InotifyFacts {
  readonly maxWatches: number;
  readonly maxInstances: number;
  /** Of all processes of the agent's user that may be looked at. */
  readonly watches: number;
  readonly instances: number;
}

export interface OpenFiles {
  readonly limit: number;
  /** `null` when they may not be counted. */
  readonly used: number | null;
  readonly of: string;
}

/** `problem`: why fanotify is not to be had; `null`: it is. */
export function fanotifyFound(problem: string | null, isRoot: boolean): readonly Found[] {
  if (problem === null)
    return [ok("fanotify is to be had: whole file systems are watched, with who did it", "kernel")];
  if (/EPERM/.test(problem)) {
    const what = "fanotify is not to be had: watching goes by inotify, one watch for each folder";
    return isRoot
      ? [
          warning(
            `${what} (${problem})`,
            "kernel",
            "give the agent CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH; in a container, of the host",
          ),
        ]
      : [note(`${what} (not asked as root)`, "kernel", "run agent and doctor as root")];
  }
  if (/ENOSYS|EINVAL/.test(problem)) {
    const fix = "a kernel from 5.17 on has what is needed; until then files are watched by inotify";
    return [warning(`this kernel has no fanotify with names (${problem})`, "kernel", fix)];
  }
  return [
    warning(`fanotify is not to be had: ${problem}`, "kernel", "files are watched by inotify, or swept"),
  ];
}

const nearlyAll = 0.8;

export function inotifyFound(facts: InotifyFacts | null): readonly Found[] {
  if (facts === null) return [note("the limits of inotify cannot be read", "/proc/sys/fs/inotify")];
  const { maxWatches, maxInstances, watches, instances } = facts;
  const found: Found[] = [];
  const fix = (name: string, limit: number) =>
    `echo fs.inotify.${name}=${limit * 4} > /etc/sysctl.d/60-petrel.conf && sysctl --system`;
  if (watches >= maxWatches * nearlyAll) {
    found.push(
      warning(
        `${watches} of ${maxWatches} watches are used: folders beyond are not watched live`,
        "fs.inotify.max_user_watches",
        fix("max_user_watches", maxWatches),
      ),
    );
  }
  if (instances >= maxInstances * nearlyAll) {
    found.push(
      warning(
        `${instances} of ${maxInstances} instances are used`,
        "fs.inotify.max_user_instances",
        fix("max_user_instances", maxInstances),
      ),
    );
  }
  if (found.length > 0) return found;
  return [
    ok(`${watches} of ${maxWatches} watches, ${instances} of ${maxInstances} instances are used`, "inotify"),
  ];
}

/** LevelDB alone keeps up to 1,000 open. */
const leastOpenFiles = 4_096;

export function openFilesFound({ limit, used, of }: OpenFiles): readonly Found[] {
  const text = used === null ? `${limit} may be open` : `${used} of ${limit} are open`;
  const isShort = limit < leastOpenFiles || (used !== null && used >= limit * nearlyAll);
  if (!isShort) return [ok(text, of)];
  return [warning(`${text} (files and sockets)`, of, "LimitNOFILE=65536 in the unit, or ulimit -n 65536")];
}
