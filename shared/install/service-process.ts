/** The host's systemd, by systemctl(1). */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { PetrelError } from "../errors.ts";
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
   * Has the program that runs become the version that is in force, without an end of its process: SIGUSR2, once it listens
   * to that, for until then it would end by it. One that does not run is started, and one that never listens started anew.
   */
  renew(unit: string): Promise<void>;
  isActive(unit: string): Promise<boolean>;
}

/** ms for systemd to answer. */
const withinMs = 180_000;
/** ms for a stop: it may wait for running actions (an hour at most), and systemd has limits of its own, `TimeoutStopSec=`. */
const stopWithinMs = 3_900_000;
/** ms that a program has from its start until it listens to signals. */
const listensWithinMs = 30_000;
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
  const restart = async (unit: string) => {
    // One that has failed too often may not be started before its count is forgotten.
    await ask("reset-failed", unit).catch(() => "");
    await ask("restart", unit);
  };
  return {
    isActive,
    restart,
    renew: async (unit) => {
      const until = performance.now() + listensWithinMs;
      for (;;) {
        const pid = Number(await ask("show", "--property", "MainPID", "--value", unit));
        const runs = Number.isInteger(pid) && pid > 1;
        if (runs && listensTo("SIGUSR2", pid)) return void process.kill(pid, "SIGUSR2");
        if (!runs || performance.now() > until) return restart(unit);
        await sleep(lookEveryMs);
      }
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

/** Whether the process has a handler for it (proc(5), SigCgt); false when it has gone. */
function listensTo(signal: NodeJS.Signals, pid: number): boolean {
  try {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
    return ((BigInt(`0x${caught}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}

/** What a new version has until it is as the old one was, and how long it then has to stay so. */
export const usualLimits: TrialLimits = { withinMs: 120_000, steadyMs: 10_000 };
