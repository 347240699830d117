/** `bench watch`: baselines, restarts, starts, bursts and idleness of the watching sensor, beside the peers. Needs root. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { baselines } from "./baselines.ts";
import { beside } from "./beside.ts";
import { bursts } from "./bursts.ts";
import { latency } from "./latency.ts";
import { memory } from "./memory.ts";
import { installPeers, missing } from "./peers-process.ts";
import { priority } from "./priority.ts";
import { starts } from "./starts.ts";

export const watchUsage =
  "[--files 100000] [--burst 20000] [--repetitions 3] [--only baseline,start,burst,beside,priority,memory,latency]";

const parts = { baseline: baselines, start: starts, burst: bursts, beside, priority, memory, latency };

/** Resolves to the exit code. */
export async function watch(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      files: { type: "string", default: "100000" },
      burst: { type: "string", default: "20000" },
      repetitions: { type: "string", default: "3" },
      only: { type: "string", default: Object.keys(parts).join(",") },
    },
  });
  if (process.getuid?.() !== 0) throw new Error("needs root: fanotify, and the memory of processes");
  const needed = missing(["aide", "inotifywait", "watchman"]);
  if (needed.length > 0)
    throw new Error(`needs ${needed.join(", ")}: apt-get install aide inotify-tools watchman`);
  const folder = mkdtempSync(join(tmpdir(), "petrel-bench-watch-"));
  try {
    mkdirSync(join(folder, "peers"));
    installPeers(join(folder, "peers"));
    for (const name of values.only.split(",")) {
      const part = parts[name as keyof typeof parts];
      if (part === undefined) throw new Error(`--only ${Object.keys(parts).join("|")}`);
      await part({
        folder,
        files: Number(values.files),
        burst: Number(values.burst),
        repetitions: Number(values.repetitions),
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return 0;
}
