/** Ends all processes of an execution: those of its group, and those that set themselves up on their own. */
import { setTimeout as sleep } from "node:timers/promises";
import { executionVariable } from "./environment.ts";
import { familyOf, identityOf } from "./family.ts";
import { type EndOptions, findSurvivor, groupAlive, signalGroup } from "./group-process.ts";
import type { ProcessGroup } from "./journal.ts";
import { bootId, isDead, type ProcessStat, processes, startedWith } from "./proc-fs.ts";

/** How long to wait between two looks: the longer it takes already, the rarer. */
const firstPollMs = 15;
const mostPollMs = 250;

class Family {
  readonly #group: ProcessGroup;
  readonly #execution: string;
  /** `null` once the number of the group may be somebody else's. */
  readonly #pgid: number | null;
  readonly #known = new Set<string>();

  constructor(group: ProcessGroup, execution: string, isOurs: boolean) {
    this.#group = group;
    this.#execution = execution;
    this.#pgid = isOurs ? group.pgid : null;
  }

  /** The living ones outside of the group. */
  members(): readonly ProcessStat[] {
    const living = processes().filter((process) => !isDead(process));
    const found = familyOf(living, {
      group: this.#pgid,
      known: this.#known,
      isMarked: ({ pid }) => startedWith(pid, executionVariable, this.#execution),
      self: process.pid,
      sinceTicks: this.#group.start_ticks,
    });
    for (const member of found) this.#known.add(identityOf(member));
    return found;
  }

  isAlive(): boolean {
    // Most have not gone anywhere else, and this asks the kernel once.
    if (this.#pgid !== null && groupAlive(this.#pgid)) return true;
    return this.members().length > 0;
  }

  /** The group at one go, and each of the others by itself. */
  signal(...signals: readonly NodeJS.Signals[]): void {
    const found = this.members();
    for (const signal of signals) {
      if (this.#pgid !== null) signalGroup(this.#pgid, signal);
      for (const { pid, group } of found) if (group !== this.#pgid) signalProcess(pid, signal);
    }
  }
}

/**
 * SIGTERM, then SIGKILL, to the group and to whatever has left it: a session of its own (setsid), a second fork.
 * Resolves with true once all of them are gone, false when some would not go. Found are processes that are in the
 * execution's group or session, name it in their environment, or descend from one that does. Who cleared its
 * environment and lost its parent before this look is not found.
 */
export function endFamily(group: ProcessGroup, execution: string, options: EndOptions): Promise<boolean> {
  return endMembers(new Family(group, execution, true), options);
}

/**
 * As `endFamily`, of a group that a journal names: its number may have been given to others since. `null` when nothing
 * of it lives.
 */
export async function endSurvivors(
  group: ProcessGroup,
  execution: string,
  options: EndOptions,
): Promise<boolean | null> {
  if (group.boot_id !== bootId()) return null;
  const family = new Family(group, execution, findSurvivor(group, execution).kind === "ours");
  return family.isAlive() ? endMembers(family, options) : null;
}

async function endMembers(family: Family, { graceMs, killWaitMs = 10_000 }: EndOptions): Promise<boolean> {
  if (graceMs > 0) {
    // A stopped process takes the SIGTERM only when it continues.
    family.signal("SIGTERM", "SIGCONT");
    if (await goneWithin(graceMs, () => family.isAlive())) return true;
  }
  return goneWithin(killWaitMs, () => {
    if (!family.isAlive()) return false;
    // At each look: one that forked while it was looked for has left a child.
    family.signal("SIGKILL");
    return true;
  });
}

async function goneWithin(limitMs: number, isAlive: () => boolean): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  for (let pollMs = firstPollMs; isAlive(); pollMs = Math.min(pollMs * 2, mostPollMs)) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    await sleep(Math.min(pollMs, leftMs));
  }
  return true;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // Gone meanwhile, or another user's: whether it is still there is for the next look to say.
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}
