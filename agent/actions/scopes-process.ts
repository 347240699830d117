/**
 * A cgroup for each action, below that of a unit which is there for nothing else: a restart of the agent's unit does not
 * reach them, and their memory is not counted to it (decision 0026). Systemd has given that unit's cgroup away
 * (`Delegate=`), so that the agent may make groups there without asking it.
 */
import { closeSync, constants, mkdirSync, openSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../../shared/log.ts";

/** One action's own cgroup. */
export interface Scope {
  /** Of its folder, for clone3(2); closed by `started`. */
  readonly fd: number;
  /** Moves a process into it: for those that were not started there. Rejects with the system's error. */
  take(pid: number): Promise<void>;
  /** Lets go of `fd`. */
  started(): void;
  /** Removes it, now or, while something the action left behind still runs in it, later. */
  ended(): void;
}

/** Makes scopes; `open` throws the system's error. */
export interface Scopes {
  open(execution: string): Scope;
}

const mountedAt = "/sys/fs/cgroup";
/** Whose cgroup it is that actions run in; see `agent/install/unit.ts`. */
const actionsGroup = "petrel-actions.service";
const agentGroup = "petrel-agent.service";
/** Of those left behind that are looked at when one more ends. */
const lookAtMost = 16;

/**
 * `null`, told once, where there are none: the agent is no unit of a systemd with cgroup v2, or the unit for actions does
 * not run. Then actions run in the agent's own cgroup.
 */
export function openScopes(log: Pick<Logger, "info">): Scopes | null {
  const parent = parentGroup();
  if (typeof parent === "string") return scopesBelow(parent);
  log.info("actions have no cgroups of their own", { why: parent.why });
  return null;
}

/** Next to the agent's own, which says where systemd has put both. */
function parentGroup(): string | { readonly why: string } {
  const own = unifiedGroup(textOf("/proc/self/cgroup"));
  if (own === null) return { why: "this host has no cgroup v2" };
  if (!own.endsWith(`/${agentGroup}`)) return { why: `the agent does not run as ${agentGroup}` };
  const parent = join(mountedAt, own.slice(0, -agentGroup.length), actionsGroup);
  const isThere = statSync(parent, { throwIfNoEntry: false })?.isDirectory() === true;
  return isThere ? parent : { why: `${actionsGroup} does not run beside ${agentGroup}` };
}

/** Path in the unified hierarchy (cgroups(7)); `null` when there is none. */
export function unifiedGroup(text: string): string | null {
  return /^0::(\/.*)$/m.exec(text)?.[1] ?? null;
}

/** In this folder, which has to be one of a cgroup v2 that is the agent's to divide. */
export function scopesBelow(parent: string): Scopes {
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
  return {
    open: (execution) => {
      const folder = join(parent, execution);
      try {
        mkdirSync(folder);
      } catch (error) {
        // Of an earlier attempt.
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      let fd: number | null = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
      const started = () => {
        if (fd !== null) closeSync(fd);
        fd = null;
      };
      return {
        fd,
        take: (pid) => writeFile(join(folder, "cgroup.procs"), String(pid)),
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

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
