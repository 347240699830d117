/**
 * What starts cost: those of Petrel's own processes, and a process that another with some memory starts, by Node's
 * `spawn` and as agents do it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { loadKernelSpawn } from "../agent/actions/kernel-spawn-process.ts";
import { type ProcessStart, startProcess } from "../agent/actions/started-process.ts";
import { ownStarts } from "./own-starts.ts";

export const startsUsage = "[--mib 0,100] [--count 100] [--own 5] [--cold]";

const start: ProcessStart = {
  command: "/bin/true",
  args: [],
  cwd: "/",
  env: {},
  stdio: ["socket", "socket", "socket"],
};

const ways: readonly (readonly [name: string, run: () => Promise<unknown>])[] = [
  [
    "spawn of Node",
    () => once(spawn(start.command, [], { cwd: "/", env: {}, detached: true, stdio: "pipe" }), "close"),
  ],
  [
    "agent",
    async () => {
      const { child } = await startProcess(start, kernel);
      for (const socket of child.stdio) socket?.destroy();
      await child.ended;
    },
  ],
];

const kernel = loadKernelSpawn();

/** Milliseconds of CPU of this process for each. */
async function costOf(count: number, run: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < 5; i++) await run();
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / count;
}

export async function starts(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      mib: { type: "string", default: "0,100" },
      count: { type: "string", default: "100" },
      own: { type: "string", default: "5" },
      cold: { type: "boolean", default: false },
    },
  });
  const own = { count: Number(values.own), cached: !values.cold };
  if (own.count > 0) for (const line of await ownStarts(own)) console.log(line);
  if (kernel === null) console.log("no posix_spawn here: agents use Node's, too");
  const held: Buffer[] = [];
  for (const mib of values.mib.split(",").map(Number)) {
    while (held.length < mib) held.push(Buffer.alloc(1024 * 1024, 1));
    const resident = Math.round(process.memoryUsage.rss() / 1024 / 1024);
    for (const [name, run] of ways)
      console.log(
        `${resident} MiB resident, ${name}: ${(await costOf(Number(values.count), run)).toFixed(2)} ms of CPU a start`,
      );
  }
  return 0;
}
