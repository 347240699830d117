/** Ends process groups, and makes sure they are gone. */
import { setTimeout as sleep } from "node:timers/promises";
import { executionVariable } from "./environment.ts";
import type { ProcessGroup } from "./journal.ts";
import { bootId, hidesEnvironment, isDead, membersOf, startedWith, statOf } from "./proc-fs.ts";

/** How long to wait between two looks: the longer it takes already, the rarer. */
const firstPollMs = 15;
const mostPollMs = 250;

/** Whether a living process is left in the group. */
export function groupAlive(pgid: number): boolean {
  if (!signalGroup(pgid, 0)) return false;
  // Seen at one glance, while the look at all processes of the host may take long on a large one.
  const leader = statOf(pgid);
  if (leader !== null && leader.group === pgid && !isDead(leader)) return true;
  // kill(2) also finds processes that ended but were not reaped, which some containers never do.
  return membersOf(pgid).length > 0;
}

/** False when nobody is there to receive it. */
export function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  // 0 and 1 would reach our own group and everything there is.
  if (!Number.isInteger(pgid) || pgid <= 1) throw new RangeError(`no process group of ours: ${pgid}`);
  try {
    process.kill(-pgid, signal);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ESRCH") return false;
    // Somebody else's (it ran as another user by sudo): it is there, but not ours to signal.
    if (code === "EPERM") return true;
    throw error;
  }
}

export interface EndOptions {
  /** How long a group may take to go by itself after SIGTERM; 0 kills at once. */
  readonly graceMs: number;
  /** How long to wait for it to be gone after SIGKILL (a process in uninterruptible sleep may not go). */
  readonly killWaitMs?: number;
}

/** SIGTERM, then SIGKILL. Resolves with true once the whole group is gone, false when it would not go. */
export async function endGroup(pgid: number, { graceMs, killWaitMs = 10_000 }: EndOptions): Promise<boolean> {
  if (graceMs > 0) {
    signalGroup(pgid, "SIGTERM");
    // A stopped process takes the SIGTERM only when it continues.
    signalGroup(pgid, "SIGCONT");
    if (await goneWithin(pgid, graceMs)) return true;
  }
  signalGroup(pgid, "SIGKILL");
  return goneWithin(pgid, killWaitMs);
}

async function goneWithin(pgid: number, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  for (let pollMs = firstPollMs; groupAlive(pgid); pollMs = Math.min(pollMs * 2, mostPollMs)) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    await sleep(Math.min(pollMs, leftMs));
  }
  return true;
}

export type Survivor =
  /** Nothing of it is left. */
  | { readonly kind: "gone" }
  /** It lives, and it is certainly the one that was recorded. */
  | { readonly kind: "ours" };

/**
 * Whether the group a journal record names still lives. Ids are used again by the kernel, so a group counts as
 * ours only by its leader's start time in this boot or, once the leader has gone, by a member's environment:
 * `variable` is `execution` there.
 */
export function findSurvivor(group: ProcessGroup, execution: string, variable = executionVariable): Survivor {
  if (group.boot_id !== bootId()) return { kind: "gone" };
  const leader = statOf(group.pgid);
  if (leader !== null) {
    if (leader.startTicks !== group.start_ticks) return { kind: "gone" };
    return groupAlive(group.pgid) ? { kind: "ours" } : { kind: "gone" };
  }
  const ours = membersOf(group.pgid).some(
    (member) =>
      startedWith(member.pid, variable, execution) ||
      // Of the group and the session that were made for it, and not older: no stranger's, as far as can be told.
      (hidesEnvironment(member.pid) &&
        member.session === group.pgid &&
        member.startTicks >= group.start_ticks),
  );
  return ours ? { kind: "ours" } : { kind: "gone" };
}
