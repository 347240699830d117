/** What the walk through installations asks of a host: its programs, its units, and actions that run on it. */
import { randomUUID } from "node:crypto";
import { copyFileSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect } from "vitest";
import type { Finding } from "../../shared/doctor/finding.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { DebianHost } from "./debian-process.ts";

/** Words of sh. */
const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

export interface Execution {
  readonly id: string;
  readonly status: string;
  readonly result: { readonly stdout?: string; readonly return_code?: number } | null;
}

export interface UpgradeEnd {
  readonly from: string;
  readonly to: string;
  readonly result: string;
  readonly why: string;
}

/** Lays a file down on the host; its path there. */
export function lay(host: DebianHost, file: string, folder = "/root/files"): string {
  const path = join(folder, basename(file));
  mkdirSync(dirname(host.path(path)), { recursive: true });
  copyFileSync(file, host.path(path));
  return path;
}

/** Record of a command that prints JSON on this host; rejects when it fails. */
export async function json<T>(host: DebianHost, ...words: readonly string[]): Promise<T> {
  return JSON.parse(await host.sh([...words.map(quoted), "--json"].join(" "))) as T;
}

export const isActive = async (host: DebianHost, unit: string) =>
  (await host.ask(`systemctl is-active ${unit}`)).stdout.trim() === "active";

export const isEnabled = async (host: DebianHost, unit: string) =>
  (await host.ask(`systemctl is-enabled ${unit}`)).stdout.trim() === "enabled";

/** Process of a unit, as the host counts; 0: none. */
export const mainPid = async (host: DebianHost, unit: string) =>
  Number(await host.sh(`systemctl show --property MainPID --value ${unit}`));

/** The version that `current` leads to. */
export async function inForce(host: DebianHost, product: "hub" | "agent"): Promise<string> {
  return basename((await host.sh(`readlink /opt/petrel/${product}/current`)).trim());
}

/** The hub's own word on whether this agent is linked. */
export function online(hub: DebianHost, agent: string): Promise<unknown> {
  return waitUntil(`${agent} to be online`, async () => {
    const agents = await json<{ id: string; online: boolean }[]>(hub, "petrel", "agent", "list");
    return agents.some((each) => each.id === agent && each.online);
  });
}

/** That a doctor finds no fault; resolves to the warnings. */
export async function isWell(host: DebianHost, program: "petrel" | "petrel-agent"): Promise<string> {
  const { stdout } = await host.ask(`${program} doctor --json`);
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
  const of = (level: string) =>
    findings.filter((each) => each.level === level).map(({ what, where }) => `${where}: ${what}`);
  expect(of("fault")).toEqual([]);
  return `${findings.length} findings, warnings: ${of("warning").join("; ") || "none"}`;
}

/** A shell action on an agent, asked for by its hub. */
export class Action {
  readonly #hub: DebianHost;
  readonly #host: DebianHost;
  readonly id: string;
  /** Of its shell, as its host counts. */
  readonly pid: number;

  /** What its line ends with. */
  readonly #code: number;

  /** Says its process id, then a word a second until it is told to end, with that code. Resolves once it runs. */
  static untilTold(hub: DebianHost, host: DebianHost, code = 7): Promise<Action> {
    const line = `echo pid $$; while [ ! -e /tmp/go-$$ ]; do echo tick; sleep 1; done; echo told; exit ${code}`;
    return Action.start(hub, host, line, code);
  }

  /** `line`: of sh, which ends with `code`. Resolves once it runs. */
  static async start(hub: DebianHost, host: DebianHost, line: string, code = 0): Promise<Action> {
    const note = `/tmp/pid-${randomUUID()}`;
    // Not the usual minute: who was away for long comes back late.
    const words = [
      "run",
      "core.local",
      "timeout=900",
      `echo $$ > ${note}; ${line}`,
      "--host",
      host.name,
      "--async",
    ];
    const { id } = await json<Execution>(hub, "petrel", ...words);
    const pid = await waitUntil("the action to run", async () =>
      Number((await host.ask(`cat ${note}`)).stdout),
    );
    return new Action(hub, host, id, pid, code);
  }

  private constructor(hub: DebianHost, host: DebianHost, id: string, pid: number, code: number) {
    this.#hub = hub;
    this.#host = host;
    this.id = id;
    this.pid = pid;
    this.#code = code;
  }

  async isRunning(): Promise<boolean> {
    return (await this.#host.ask(`kill -0 ${this.pid}`)).code === 0;
  }

  /** Its cgroup below the host's root. */
  async group(): Promise<string> {
    const text = await this.#host.sh(`cat /proc/${this.pid}/cgroup`);
    return /^0::(.*)$/m.exec(text)?.[1] ?? "";
  }

  /** Tells it to end, and expects all of it: the process that was started, its output, its code. */
  async endsWhole(): Promise<void> {
    expect(await this.isRunning(), "the action's process is there").toBe(true);
    await this.#host.sh(`touch /tmp/go-${this.pid}`);
    const { status, result } = await this.ended();
    const wanted = this.#code === 0 ? "succeeded" : "failed";
    expect([status, result?.return_code]).toEqual([wanted, this.#code]);
    expect(result?.stdout).toMatch(new RegExp(`^pid ${this.pid}\\n(tick\\n)+told\\n?$`));
  }

  ended(): Promise<Execution> {
    return waitUntil(`${this.id} to end`, async () => {
      const execution = await json<Execution>(this.#hub, "petrel", "execution", "get", this.id);
      return (
        ["succeeded", "failed", "timeout", "canceled", "abandoned"].includes(execution.status) && execution
      );
    });
  }
}
