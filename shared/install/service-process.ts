/** The host's systemd, by systemctl(1). */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
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
   * Has the program that runs become the version that is in force, without an end of its process: SIGUSR2. One that
   * does not know that ends by it, and its unit starts it again; one that does not run is started.
   */
  renew(unit: string): Promise<void>;
  isActive(unit: string): Promise<boolean>;
}

/** ms; a stop waits for running actions and for slow disks. */
const withinMs = 180_000;

/** Whether systemd has this host; false in most containers. */
export const hasSystemd = (): boolean => existsSync("/run/systemd/system");

/** `program`: `systemctl`, or in tests what stands for it. */
export function systemctl(program = "systemctl"): Service {
  const ask = async (...args: readonly string[]): Promise<string> => {
    try {
      const { stdout } = await promisify(execFile)(program, [...args], { timeout: withinMs });
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
      const pid = Number(await ask("show", "--property", "MainPID", "--value", unit));
      if (Number.isInteger(pid) && pid > 1) process.kill(pid, "SIGUSR2");
      else await restart(unit);
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

/** What a new version has until it is as the old one was, and how long it then has to stay so. */
export const usualLimits: TrialLimits = { withinMs: 120_000, steadyMs: 10_000 };
