/** What a unit has given a process for its whole life: a unit that was changed gives it to the next process. Pure. */

/** Names of links in `/proc/PID/ns`, and what a unit gets another one by. */
const namespaces = {
  mnt: "a file system of its own (PrivateTmp= and its like)",
  net: "PrivateNetwork=",
  ipc: "PrivateIPC=",
  uts: "ProtectHostname=",
  user: "PrivateUsers=",
} as const;

type Namespace = keyof typeof namespaces;
/** What the links say; nothing or an empty text for those that may not be read. */
export type Namespaces = Readonly<Partial<Record<Namespace, string>>>;
export const namespaceNames = Object.keys(namespaces) as readonly Namespace[];

/** How a process has come to be, as proc(5) shows it. */
export interface ProcessSettings {
  /** `/proc/PID/status`. */
  readonly status: string;
  /** `/proc/PID/stat`. */
  readonly stat: string;
  /** `/proc/PID/oom_score_adj`. */
  readonly oomScore: string;
  readonly namespaces: Namespaces;
}

/** Settings of a unit, and where they are seen. Not `User=`: a front is only followed by an agent of its own user. */
const settings: readonly (readonly [setting: string, of: (process: ProcessSettings) => string])[] = [
  ["Group=", ({ status }) => lineOf(status, "Gid")],
  ["SupplementaryGroups=", ({ status }) => lineOf(status, "Groups")],
  ["CapabilityBoundingSet=", ({ status }) => lineOf(status, "CapBnd")],
  ["AmbientCapabilities=", ({ status }) => lineOf(status, "CapAmb")],
  ["NoNewPrivileges=", ({ status }) => lineOf(status, "NoNewPrivs")],
  [
    "SystemCallFilter= and its like",
    ({ status }) => `${lineOf(status, "Seccomp")} ${lineOf(status, "Seccomp_filters")}`,
  ],
  ["OOMScoreAdjust=", ({ oomScore }) => oomScore],
  ["Nice=", ({ stat }) => fieldOf(stat, 19)],
  ["CPUSchedulingPolicy=", ({ stat }) => `${fieldOf(stat, 40)} ${fieldOf(stat, 41)}`],
  ["CPUAffinity=", ({ status }) => lineOf(status, "Cpus_allowed")],
];

/** Settings in which they differ; `host`: namespaces of the first process of all. */
export function changedSettings(
  one: ProcessSettings,
  other: ProcessSettings,
  host: Namespaces,
): readonly string[] {
  const changed = settings.filter(([, of]) => of(one) !== of(other)).map(([setting]) => setting);
  // A unit that has namespaces of its own has others at each start.
  const isHosts = ({ namespaces }: ProcessSettings, name: Namespace) => namespaces[name] === host[name];
  const own = namespaceNames.filter((name) => host[name] && isHosts(one, name) !== isHosts(other, name));
  return [...changed, ...own.map((name) => namespaces[name])];
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

/** By its number in proc(5); the name of a process may itself have blanks and brackets. */
function fieldOf(stat: string, number: number): string {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[number - 3] ?? "";
}
