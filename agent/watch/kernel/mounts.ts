/** `/proc/self/mountinfo` (proc_pid_mountinfo(5)) as a table. Pure. */
import { type BytePath, isWithin } from "../../../shared/watch/paths.ts";

export interface Mount {
  readonly id: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  /** The folder of the file system that is mounted here: `/` unless it is a bind mount. */
  readonly root: BytePath;
  readonly point: BytePath;
  readonly type: string;
}

/** `text` one character for each byte. In the order of mounting: a later one covers an earlier one of the same point. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split("\n").flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const [id = "", , device = "", root = "", point = ""] = left.split(" ");
    const [type = ""] = right.split(" ");
    if (point === "" || type === "") return [];
    return [{ id: Number(id), device, root: unescaped(root), point: unescaped(point), type }];
  });
}

/** Blank, tab, line feed and backslash are written in octal. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The mount a path is on, as it is seen now; `null` without any. */
export function mountOf(path: BytePath, mounts: readonly Mount[]): Mount | null {
  let best: Mount | null = null;
  for (const mount of mounts) {
    if (!isWithin(path, mount.point)) continue;
    if (best === null || mount.point.length >= best.point.length) best = mount;
  }
  return best;
}

/** Mounts that watched folders are on, or that are below them and may be entered. */
export function concernedMounts(
  roots: readonly BytePath[],
  mayEnter: (folder: BytePath) => boolean,
  mounts: readonly Mount[],
): readonly Mount[] {
  const found = new Map<number, Mount>();
  for (const root of roots) {
    const own = mountOf(root, mounts);
    if (own !== null) found.set(own.id, own);
    for (const mount of mounts) {
      const isSeen = mountOf(mount.point, mounts)?.id === mount.id;
      if (isSeen && mount.point !== root && isWithin(mount.point, root) && mayEnter(mount.point)) {
        found.set(mount.id, mount);
      }
    }
  }
  return [...found.values()];
}
