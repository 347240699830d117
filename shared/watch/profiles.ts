/** Ready-made selections: what most operators want watched on a kind of host. */
import { PetrelError } from "../errors.ts";
import { suggestion } from "../nearest.ts";

interface ProfilePath {
  readonly path: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly depth?: number;
  readonly tags: readonly string[];
  readonly severity: "low" | "medium" | "high" | "critical";
  readonly priority?: boolean;
}

/** Paths that a host lacks are waited for, so one profile fits all distributions. */
const profiles: ReadonlyMap<string, readonly ProfilePath[]> = new Map([
  [
    "linux-server",
    [
      {
        path: "/etc",
        exclude: ["/mtab", "/adjtime", "/ld.so.cache", "/.pwd.lock", "/resolv.conf.*", "*.swp", "*~"],
        tags: ["configuration"],
        severity: "medium",
      },
      { path: "/etc/passwd", tags: ["accounts"], severity: "critical", priority: true },
      { path: "/etc/shadow", tags: ["accounts"], severity: "critical", priority: true },
      { path: "/etc/group", tags: ["accounts"], severity: "high", priority: true },
      { path: "/etc/gshadow", tags: ["accounts"], severity: "high", priority: true },
      { path: "/etc/sudoers", tags: ["accounts"], severity: "critical", priority: true },
      { path: "/etc/sudoers.d", tags: ["accounts"], severity: "critical", priority: true },
      { path: "/etc/pam.d", tags: ["accounts"], severity: "high", priority: true },
      { path: "/etc/ssh", tags: ["ssh"], severity: "high", priority: true },
      { path: "/etc/ld.so.preload", tags: ["loader"], severity: "critical", priority: true },
      { path: "/etc/systemd/system", tags: ["services"], severity: "high", priority: true },
      { path: "/etc/cron.d", tags: ["cron"], severity: "high" },
      { path: "/etc/crontab", tags: ["cron"], severity: "high" },
      { path: "/root/.ssh", tags: ["ssh"], severity: "critical", priority: true },
      { path: "/home", include: ["/*/.ssh/**", "/*/.ssh"], tags: ["ssh"], severity: "high", depth: 4 },
      { path: "/boot", tags: ["boot"], severity: "high" },
      { path: "/usr/bin", tags: ["programs"], severity: "high" },
      { path: "/usr/sbin", tags: ["programs"], severity: "high" },
      { path: "/usr/local/bin", tags: ["programs"], severity: "high" },
      { path: "/usr/local/sbin", tags: ["programs"], severity: "high" },
      { path: "/usr/lib/systemd/system", tags: ["services"], severity: "medium" },
      { path: "/var/spool/cron", tags: ["cron"], severity: "high" },
    ],
  ],
]);

export const profileNames: readonly string[] = [...profiles.keys()];

/** Throws WATCH_PROFILE. */
export function profilePaths(name: string): readonly ProfilePath[] {
  const found = profiles.get(name);
  if (found !== undefined) return found;
  throw new PetrelError("WATCH_PROFILE", `there is no profile ${JSON.stringify(name)}`, {
    hint: suggestion(name, profileNames) ?? `the profiles are: ${profileNames.join(", ")}`,
  });
}
