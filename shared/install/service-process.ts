/** The host's systemd, by systemctl(1). */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { PetrelError } from "../errors.ts";
import { textNow } from "../whole-file-fs.ts";
import { agentBehind } from "./front.ts";
import type { TrialLimits } from "./trial.ts";

/** Rejects with SERVICE_FAILED. */
export interface Service {
  /** Reads changed unit files. */
  reload(): Promise<void>;
  /** Starts it now and at each boot. */
  enable(unit: string): Promise<void>;
  /** Also resolves when it is not there. */
  disable(unit: string): Promise<void>;
  /** Starts it anew, also one that systemd has given up. */
  restart(unit: string): Promise<void>;
  /**
   * Has the program that runs, behind a front if it has one, become the version that is in force, without an end of its process: SIGUSR2, once it listens
   * to that, for until then it would end by it. One that does not run is started, and one that never listens started anew.
   * Resolves when its old life has gone, which may wait for running actions, or does not go; with `proof`, when that holds,
   * and one for which it does not is started anew.
   */
  renew(unit: string, proof?: RenewalProof): Promise<void>;
  isActive(unit: string): Promise<boolean>;
  /** Neither runs nor is about to: false for one that waits to be started again after it has ended. */
  isStopped(unit: string): Promise<boolean>;
}

export interface RenewalProof {
  readonly holds: () => Promise<boolean>;
  /** ms. */
  readonly withinMs: number;
}

/** ms for systemd to answer. */
const withinMs = 180_000;
/** ms for a stop: it may wait for running actions (an hour at most), and systemd has limits of its own, `TimeoutStopSec=`. */
const stopWithinMs = 3_900_000;
/** ms that a program has from its start until it listens to signals. */
const listensWithinMs = 30_000;
/** ms for its old life to go: an agent gives a minute to actions that cannot be handed over, and then it stops its parts. */
const goneWithinMs = 90_000;
const lookEveryMs = 100;

/** Whether systemd has this host; false in most containers. */
export const hasSystemd = (): boolean => existsSync("/run/systemd/system");

/** `program`: `systemctl`, or in tests what stands for it. */
export function systemctl(program = "systemctl"): Service {
  const ask = async (...args: readonly string[]): Promise<string> => {
    const timeout = ["restart", "disable"].includes(args[0] ?? "") ? stopWithinMs : withinMs;
    try {
      const { stdout } = await promisify(execFile)(program, [...args], { timeout });
      return stdout;
    } catch (cause) {
      const said = ((cause as { stderr?: string }).stderr ?? (cause as Error).message).trim();
      throw new PetrelError("SERVICE_FAILED", `systemctl ${args.join(" ")}: ${said}`, {
        hint: `see \`systemctl status ${args.at(-1)}\` and \`journalctl -u ${args.at(-1)}\``,
        cause,
      });
    }
  };
  const isActive = async (unit: string) => {
    try {
      await ask("is-active", "--quiet", unit);
      return true;
    } catch {
      return false;
    }
  };
  const isStopped = async (unit: string) => {
    // It says so on its standard output, and ends with an error.
    const state = await promisify(execFile)(program, ["is-active", unit], { timeout: withinMs }).then(
      ({ stdout }) => stdout,
      (cause: { stdout?: string }) => cause.stdout ?? "",
    );
    return ["inactive", "failed", "unknown"].includes(state.trim());
  };
  const restart = async (unit: string) => {
    // One that has failed too often may not be started before its count is forgotten.
    await ask("reset-failed", unit).catch(() => "");
    await ask("restart", unit);
  };
  return {
    isActive,
    isStopped,
    restart,
    renew: async (unit, proof) => {
      let pid: number | null = null;
      const listens = await within(listensWithinMs, async () => {
        const found = Number(await ask("show", "--property", "MainPID", "--value", unit));
        pid = Number.isInteger(found) && found > 1 ? found : null;
        if (pid === null) return true;
        const agent = agentBehind(textNow(`/proc/${pid}/comm`) ?? "");
        // A front that has no agent yet.
        if (agent === null) return false;
        pid = agent ?? pid;
        return listensTo("SIGUSR2", pid);
      });
      if (pid === null || !listens) return restart(unit);
      const asked = pid;
      const life = lifeOf(asked);
      process.kill(asked, "SIGUSR2");
      await within(goneWithinMs, async () => lifeOf(asked) !== life);
      if (proof !== undefined && !(await within(proof.withinMs, proof.holds))) await restart(unit);
    },
    reload: async () => void (await ask("daemon-reload")),
    enable: async (unit) => void (await ask("enable", "--now", unit)),
    disable: async (unit) => {
      try {
        await ask("disable", "--now", unit);
      } catch (error) {
        if (await isActive(unit)) throw error;
      }
    },
  };
}

/** Whether it came to hold in time; asked once at least. */
async function within(ms: number, holds: () => Promise<boolean>): Promise<boolean> {
  const until = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > until) return false;
    await sleep(lookEveryMs);
  }
  return true;
}

/**
 * Tells one program in a process from the next: when the process started, and where the stack begins, which execve(2) draws
 * anew (proc(5), /proc/PID/stat, starttime and startstack). `null` when it has gone.
 */
function lifeOf(pid: number): string | null {
  const text = textNow(`/proc/${pid}/stat`);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? null : `${fields[19]} ${fields[25]}`;
}

/** Whether the process has a handler for it (proc(5), SigCgt); false when it has gone. */
function listensTo(signal: NodeJS.Signals, pid: number): boolean {
  const status = textNow(`/proc/${pid}/status`) ?? "";
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return ((BigInt(`0x${caught}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

/** What a new version has until it is as the old one was, and how long it then has to stay so. */
export const usualLimits: TrialLimits = { withinMs: 120_000, steadyMs: 10_000 };
