/**
 * Hosts in network namespaces of their own, joined by a switch in one more; nothing of the machine's own network is
 * touched. What stands here needs Linux, root and `ip` (iproute2).
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { networkOf } from "../support/network-namespace.ts";

/** In the environment of a process that runs inside: how the namespaces' names begin. */
const insideOf = "PETREL_FLEET_NETWORK";
const lead = "petrel-fleet-";
/** `ip netns exec` shows its files in place of those in /etc. */
const etc = "/etc/netns";
const switchName = "switch";

const ip = (...words: string[]) =>
  execFileSync("ip", words, { stdio: ["ignore", "pipe", "pipe"] }).toString();

export interface Place {
  readonly namespace: string;
  readonly v4: string;
  readonly v6: string;
}

/** Why it cannot be done here; `null` when it can. */
function obstacle(): string | null {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  if (process.getuid?.() !== 0) return "making network namespaces needs root";
  const name = `${lead}${process.pid}-try`;
  try {
    ip("netns", "add", name);
    ip("netns", "del", name);
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "there is no `ip`: install iproute2";
    return `no network namespace can be made here: ${(error as Error).message.trim()}`;
  }
}

function placesOf(prefix: string, names: readonly string[]): ReadonlyMap<string, Place> {
  return new Map(
    names.map((name, i) => [
      name,
      { namespace: `${prefix}-${name}`, v4: `10.213.7.${i + 1}`, v6: `fd13:7::${i + 1}` },
    ]),
  );
}

function make(prefix: string, names: readonly string[]): void {
  const middle = `${prefix}-${switchName}`;
  ip("netns", "add", middle);
  ip("-n", middle, "link", "add", "br0", "type", "bridge");
  ip("-n", middle, "link", "set", "br0", "up");
  for (const [name, { namespace, v4, v6 }] of placesOf(prefix, names)) {
    mkdirSync(join(etc, namespace), { recursive: true });
    writeFileSync(join(etc, namespace, "hosts"), hostsFile({}));
    ip("netns", "add", namespace);
    ip("-n", namespace, "link", "set", "lo", "up");
    ip("-n", middle, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", namespace);
    ip("-n", middle, "link", "set", name, "master", "br0", "up");
    ip("-n", namespace, "link", "set", "eth0", "up");
    ip("-n", namespace, "address", "add", `${v4}/24`, "dev", "eth0");
    ip("-n", namespace, "address", "add", `${v6}/64`, "dev", "eth0", "nodad");
  }
}

/** Ends what runs in namespaces whose names begin so, and removes them. */
async function remove(prefix: string): Promise<void> {
  const names = ip("netns", "list")
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => name.startsWith(`${prefix}-`));
  const running = () => names.flatMap((name) => ip("netns", "pids", name).split("\n").filter(Boolean));
  for (let left = running(); left.length > 0; left = running()) {
    for (const pid of left) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
    await sleep(50);
  }
  for (const name of names) {
    ip("netns", "del", name);
    rmSync(join(etc, name), { recursive: true, force: true });
  }
  if (existsSync(etc) && readdirSync(etc).length === 0) rmSync(etc, { recursive: true });
}

/** What runs left that were killed with SIGKILL. */
async function removeStale(): Promise<void> {
  const prefixes = ip("netns", "list").match(new RegExp(`${lead}\\d+`, "g")) ?? [];
  for (const prefix of new Set(prefixes)) {
    if (!existsSync(`/proc/${prefix.slice(lead.length)}`)) await remove(prefix);
  }
}

/** Whether this is the process that `inPlaces` has started inside; asked before `inPlaces` is called there. */
export const isInPlace = () => process.env[insideOf] !== undefined;

/**
 * Runs `work` in the first of these places, in a process of its own (this script once more), and removes everything
 * whichever way it ends. Sets the exit code: 2 when it cannot be done here.
 */
export async function inPlaces(
  script: string,
  names: readonly string[],
  work: (network: Network) => Promise<void>,
): Promise<void> {
  const inside = process.env[insideOf];
  if (inside !== undefined) {
    delete process.env[insideOf];
    return work(new Network(inside, names));
  }
  const reason = obstacle();
  if (reason !== null) {
    console.error(`not done: ${reason}`);
    process.exitCode = 2;
    return;
  }
  await removeStale();
  const prefix = `${lead}${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), "petrel-fleet-"));
  let end: NodeJS.Signals | null = null;
  try {
    make(prefix, names);
    const home = placesOf(prefix, names).get(names[0] ?? "")?.namespace ?? "";
    const words = ["netns", "exec", home, process.execPath, script, ...process.argv.slice(2)];
    const child = spawn("ip", words, {
      stdio: "inherit",
      env: { ...process.env, [insideOf]: prefix, TMPDIR: folder },
    });
    const stop = (signal: NodeJS.Signals) => {
      end = signal;
      child.kill("SIGKILL");
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
    process.exitCode = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve(code ?? 1));
    });
    if (end !== null) console.error(`ended by ${end}`);
  } finally {
    await remove(prefix);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** The network as seen from inside, and what can happen to it. */
export class Network {
  readonly #prefix: string;
  readonly #places: ReadonlyMap<string, Place>;
  #hosts: Readonly<Record<string, readonly string[]>> = {};

  constructor(prefix: string, names: readonly string[]) {
    this.#prefix = prefix;
    this.#places = placesOf(prefix, names);
  }

  place(name: string): Place {
    const place = this.#places.get(name);
    if (place === undefined) throw new Error(`no place ${name}`);
    return place;
  }

  /** For what is to run there. */
  env(name: string): Readonly<Record<string, string>> {
    return { [networkOf]: this.place(name).namespace };
  }

  /** The cable is pulled out, or put back: both ends see their link go, and no connection hears of it. */
  cable(name: string, state: "out" | "in"): void {
    ip("-n", this.#switch, "link", "set", name, state === "in" ? "up" : "down");
  }

  /** The switch drops all to and from there, and nobody sees anything. */
  mute(name: string, isMute: boolean): void {
    // It is no port of the switch then, and nobody takes what comes out of its cable.
    ip("-n", this.#switch, "link", "set", name, ...(isMute ? ["nomaster"] : ["master", "br0"]));
  }

  /**
   * Drops and delays packets to and from there until it is called back: by `netem` where the kernel has it, else by a
   * switch that drops everything for a part of each second.
   */
  bad(name: string): { readonly how: string; readonly good: () => void } {
    const words = ["root", "netem", "delay", "150ms", "50ms", "loss", "10%"];
    try {
      execFileSync("tc", ["-n", this.#switch, "qdisc", "add", "dev", name, ...words], { stdio: "ignore" });
      return {
        how: words.slice(1).join(" "),
        good: () => void execFileSync("tc", ["-n", this.#switch, "qdisc", "del", "dev", name, "root"]),
      };
    } catch {
      let isMute = false;
      const timer = setInterval(() => {
        isMute = !isMute;
        this.mute(name, isMute);
      }, 250);
      return {
        how: "all lost in every other 250 ms (no netem in this kernel)",
        good: () => {
          clearInterval(timer);
          this.mute(name, false);
        },
      };
    }
  }

  /** It loses an address, and gets another one. */
  move(name: string, from: string, to: string | null): void {
    const { namespace } = this.place(name);
    const bits = (address: string) => (address.includes(":") ? "64" : "24");
    ip("-n", namespace, "address", "del", `${from}/${bits(from)}`, "dev", "eth0");
    if (to === null) return;
    const more = to.includes(":") ? ["nodad"] : [];
    ip("-n", namespace, "address", "add", `${to}/${bits(to)}`, "dev", "eth0", ...more);
  }

  /** Every place finds these names at these addresses from now on. */
  names(hosts: Readonly<Record<string, readonly string[]>>): void {
    this.#hosts = { ...this.#hosts, ...hosts };
    // In place: the file is mounted where processes look.
    for (const { namespace } of this.#places.values())
      writeFileSync(join(etc, namespace, "hosts"), hostsFile(this.#hosts));
  }

  get #switch(): string {
    return `${this.#prefix}-${switchName}`;
  }
}

function hostsFile(hosts: Readonly<Record<string, readonly string[]>>): string {
  const lines = Object.entries(hosts).flatMap(([name, addresses]) =>
    addresses.map((one) => `${one} ${name}`),
  );
  return ["127.0.0.1 localhost", "::1 localhost", ...lines, ""].join("\n");
}
