/**
 * A cgroup for each action, below that of a unit which is there for nothing else: a restart of the agent's unit does not
 * reach them, and their memory is not counted to it (decision 0026). Systemd has given that unit's cgroup away
 * (`Delegate=`), so that the agent may make groups there without asking it.
 */
import { execFile } from "node:child_process";
import { closeSync, constants, mkdirSync, openSync, readdirSync, rmdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../../shared/log.ts";
import { textNow } from "../../shared/whole-file-fs.ts";

/** One action's own cgroup. */
export interface Scope {
  /** Of its folder, for clone3(2); closed by `started`. */
  readonly fd: number;
  /** Moves a process into it: for those that were not started there. Never rejects; where it cannot the process stays. */
  take(pid: number): Promise<void>;
  /** Lets go of `fd`. */
  started(): void;
  /** Removes it, now or, while something the action left behind still runs in it, later. */
  ended(): void;
}

/** Makes scopes. */
export interface Scopes {
  /** Never throws: `null` while there are none, as when somebody has stopped the unit for actions. */
  open(execution: string): Scope | null;
}

export interface ScopesOptions {
  readonly log: Pick<Logger, "warn">;
  /** Asks for the unit whose cgroup is gone; not waited for. */
  readonly revive: () => void;
  /** What earlier lives have left is removed first. False beside others of this life: one of a starting action is empty, too. */
  readonly sweeps?: boolean;
}

const mountedAt = "/sys/fs/cgroup";
/** Whose cgroup it is that actions run in; see `agent/install/unit.ts`. */
const actionsGroup = "petrel-actions.service";
const agentGroup = "petrel-agent.service";
/** Of those left behind that are looked at when one more ends. */
const lookAtMost = 16;

/**
 * `null`, told once, where there are none: the agent is no unit of a systemd with cgroup v2. Then actions run in the agent's own
 * cgroup.
 */
export function openScopes(
  log: Pick<Logger, "info" | "warn">,
  how: Pick<ScopesOptions, "sweeps"> = {},
): Scopes | null {
  const parent = parentGroup();
  if (typeof parent === "string") return scopesBelow(parent, { log, revive: reviveUnit, ...how });
  log.info("actions have no cgroups of their own", { why: parent.why });
  return null;
}

/** Next to the agent's own, which says where systemd has put both. */
function parentGroup(): string | { readonly why: string } {
  const own = unifiedGroup(textNow("/proc/self/cgroup") ?? "");
  if (own === null) return { why: "this host has no cgroup v2" };
  if (!own.endsWith(`/${agentGroup}`)) return { why: `the agent does not run as ${agentGroup}` };
  return join(mountedAt, own.slice(0, -agentGroup.length), actionsGroup);
}

/** What comes of it the next action sees. */
function reviveUnit(): void {
  execFile("systemctl", ["start", "--no-block", actionsGroup], () => {});
}

/** Path in the unified hierarchy (cgroups(7)); `null` when there is none. */
export function unifiedGroup(text: string): string | null {
  return /^0::(\/.*)$/m.exec(text)?.[1] ?? null;
}

/**
 * In this folder, which has to be one of a cgroup v2 that is the agent's to divide. What earlier lives have left there is
 * removed where nothing runs in it.
 */
export function scopesBelow(parent: string, { log, revive, sweeps = true }: ScopesOptions): Scopes {
  const left = new Set<string>();
  const remove = (folder: string) => {
    try {
      rmdirSync(folder);
      left.delete(folder);
    } catch (error) {
      // What the action left behind on purpose runs on.
      if ((error as NodeJS.ErrnoException).code === "EBUSY") left.add(folder);
      else left.delete(folder);
    }
  };
  let isLost = false;
  const lost = (error: unknown) => {
    if (isLost) return;
    isLost = true;
    log.warn("actions run in the agent's cgroup", { fix: `systemctl start ${actionsGroup}`, error });
    revive();
  };
  let isRefused = false;
  const refused = (error: unknown) => {
    if (!isRefused) log.warn("a cgroup takes no action", { parent, error });
    isRefused = true;
  };
  if (sweeps) for (const name of foldersIn(parent)) remove(join(parent, name));
  return {
    open: (execution) => {
      const folder = join(parent, execution);
      let fd: number | null = null;
      try {
        fd = openGroup(folder);
        isLost = false;
      } catch (error) {
        lost(error);
        return null;
      }
      const started = () => {
        if (fd !== null) closeSync(fd);
        fd = null;
      };
      return {
        fd,
        take: (pid) => writeFile(join(folder, "cgroup.procs"), String(pid)).catch(refused),
        started,
        ended: () => {
          started();
          remove(folder);
          for (const each of [...left].slice(0, lookAtMost)) if (each !== folder) remove(each);
        },
      };
    },
  };
}

function openGroup(folder: string): number {
  try {
    mkdirSync(folder);
  } catch (error) {
    // Of an earlier attempt.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
}

function foldersIn(parent: string): readonly string[] {
  try {
    const entries = readdirSync(parent, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}
