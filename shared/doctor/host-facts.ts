/** What is known of the host under a data folder: its disk, and files that only their owner should read. */

/** A file or folder that holds secrets, or settings. */
export interface FileFacts {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly isFolder: boolean;
}

export interface DiskFacts {
  readonly folder: string;
  /** That a process of this user may still write; `null` where the file system does not say. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  readonly freeInodes: number | null;
  readonly totalInodes: number | null;
  readonly mount: MountFacts | null;
}

/** Of the mount that a folder is on. */
export interface MountFacts {
  readonly point: string;
  readonly type: string;
  /** Those of the mount and of its file system: `rw`, `noexec`, `nosuid`, … */
  readonly options: readonly string[];
}

/** The mount a path is on, by `/proc/self/mountinfo` (proc_pid_mountinfo(5)); `null` when there is none. */
export function mountIn(mountinfo: string, path: string): MountFacts | null {
  let best: MountFacts | null = null;
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , , shown = "", options = ""] = left.split(" ");
    const [type = "", , superOptions = ""] = right.split(" ");
    const point = shown.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const isOn = point === "/" || path === point || path.startsWith(`${point}/`);
    if (shown === "" || type === "" || !isOn) continue;
    // A later one covers an earlier one of the same place.
    if (best !== null && point.length < best.point.length) continue;
    best = { point, type, options: [...new Set([...options.split(","), ...superOptions.split(",")])] };
  }
  return best;
}
