/** Starts a program as leader of a session of its own, with sockets to it: by vfork where that is to be had. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { signalGroup } from "./group-process.ts";
import type { KernelSpawn } from "./kernel-spawn-process.ts";
import { giveUsualOomScore } from "./oom-score-process.ts";
import { statOf } from "./proc-fs.ts";

/** A user and its one group. */
export interface ProcessIds {
  readonly uid: number;
  readonly gid: number;
}

export interface ProcessStart {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What each descriptor is, from standard input on. */
  readonly stdio: readonly ("socket" | "ignore")[];
  /** Another user to run as, which is for Node to do; left out, the own. */
  readonly ids?: ProcessIds;
  /** Of a cgroup's folder, to be started in it where the kernel and the C library can do that. */
  readonly scopeFd?: number;
}

export interface StartedProcess {
  /** Also its group's. Until `ended` resolves it belongs to nobody else. */
  readonly pid: number;
  /** Our ends; `null` for what is ignored. */
  readonly stdio: readonly (Duplex | null)[];
  /** Exit code or signal, one of them set. */
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
  hasEnded(): boolean;
  /** It was started in the cgroup that was asked for. */
  readonly inScope?: boolean;
  /**
   * Lets go of it without ending it: nobody waits for its end here any more, and its sockets are the program's that
   * takes the place of this one (execve(2)), under these numbers, in the order of `stdio`. What was read and not taken
   * yet has to be taken from the streams before. Left out: it cannot be handed over.
   */
  handOver?(): readonly (number | null)[];
}

/**
 * Rejects with the system's error; nothing of it is left then. Without `kernel`, or with `ids`, Node starts it: by fork(2),
 * which copies the page tables of an agent that may be large. `startTicks` tells it from a later process of its number.
 */
export async function startProcess(
  start: ProcessStart,
  kernel: KernelSpawn | null,
): Promise<{ readonly child: StartedProcess; readonly startTicks: number }> {
  const { command, args, cwd, env, stdio, ids } = start;
  if (kernel !== null && ids === undefined) return seen(kernel(start));
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: stdio.map((each) => (each === "socket" ? "pipe" : "ignore")),
    ...ids,
  });
  if (child.pid !== undefined) return seen(ofNode(child, child.pid));
  const [error] = (await once(child, "error").catch((cause: unknown) => [cause])) as [unknown];
  throw error;
}

/** Has to be called in the turn of the start: until the event loop reaps it, even an ended child can be seen. */
function seen(child: StartedProcess): { readonly child: StartedProcess; readonly startTicks: number } {
  giveUsualOomScore(child.pid);
  const startTicks = statOf(child.pid)?.startTicks;
  if (startTicks !== undefined) return { child, startTicks };
  // It waits at its gate, and nobody could find it again: on a /proc that hides it from us, say.
  signalGroup(child.pid, "SIGKILL");
  for (const socket of child.stdio) socket?.destroy();
  throw new Error(`/proc/${child.pid}/stat cannot be read`);
}

function ofNode(child: ChildProcess, pid: number): StartedProcess {
  return {
    pid,
    stdio: child.stdio.map((each) => (each ?? null) as Duplex | null),
    ended: once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
  };
}
