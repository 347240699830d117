/** What a unit has given a process for its whole life: a unit that was changed gives it to the next process. Pure. */

/** How a process has come to be, as proc(5) shows it. */
export interface ProcessSettings {
  /** `/proc/PID/status`. */
  readonly status: string;
  /** What the link `/proc/PID/ns/mnt` says. */
  readonly mounts: string;
}

/** Lines of `status`, and the settings of a unit that they come from. */
const lines: readonly (readonly [line: string, setting: string])[] = [
  ["Uid", "User="],
  ["Gid", "Group="],
  ["Groups", "SupplementaryGroups="],
  ["CapBnd", "CapabilityBoundingSet="],
  ["NoNewPrivs", "NoNewPrivileges="],
  ["Seccomp", "SystemCallFilter= and its like"],
];

/** Settings in which they differ. */
export function changedSettings(one: ProcessSettings, other: ProcessSettings): readonly string[] {
  const changed = lines.filter(([name]) => lineOf(one.status, name) !== lineOf(other.status, name));
  const names = changed.map(([, setting]) => setting);
  return one.mounts === other.mounts
    ? names
    : [...names, "a file system of its own (PrivateTmp= and its like)"];
}

/** `null` when there is no such line. */
export function umaskOf(status: string): number | null {
  const text = lineOf(status, "Umask");
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : null;
}

function lineOf(status: string, name: string): string {
  const line = status.split("\n").find((each) => each.startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim() ?? "";
}
