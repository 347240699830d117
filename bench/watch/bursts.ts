/** Storms of changes: which changed paths are never named, what a change costs, and how late it is known. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cpuSeconds } from "../proc-fs.ts";
import { sleep, type WatchBench } from "./measure.ts";
import { peerNames, startPeer } from "./peers-process.ts";
import { startFileWatch } from "./sensor-process.ts";
import { blow, storms } from "./storm.ts";

/** Whoever has said nothing for so long has nothing more to say: a look at very many files takes a while. */
const quietMs = (burst: number) => 3_000 + burst / 25;
const patienceMs = (burst: number) => 60_000 + 3 * burst;

interface Watcher {
  readonly pid: number;
  onPath(listener: (path: string, at: number) => void): void;
  stop(): Promise<void>;
}

async function sensor(folder: string, root: string): Promise<Watcher> {
  const data = join(folder, "sensor");
  mkdirSync(data, { recursive: true });
  const watching = await startFileWatch(data, { paths: [{ path: root }] });
  await watching.ready;
  return {
    pid: watching.pid,
    onPath(listener) {
      watching.onTold(({ payload, at, trigger }) => {
        if (trigger === "watch.gap") console.log(`  watch.gap ${payload.cause} ${payload.path}`);
        if (trigger !== "watch.file_changed") return;
        listener(String(payload.path), at);
        // A folder that goes or moves is told once; what was in it is on record.
        if (typeof payload.old_path === "string") listener(payload.old_path, at);
      });
    },
    async stop() {
      await watching.stop();
      rmSync(data, { recursive: true });
    },
  };
}

export async function bursts({ folder, burst }: WatchBench): Promise<void> {
  console.log(`\nstorms of ${burst} changes each; missed: changed paths that were never named`);
  for (const name of ["petrel", ...peerNames] as const) {
    const root = join(folder, "storm");
    mkdirSync(root);
    let watcher: Watcher;
    if (name === "petrel") watcher = await sensor(folder, root);
    else {
      const peer = startPeer(name, join(folder, "peers"), root);
      await peer.live;
      watcher = peer;
    }
    let named = new Set<string>();
    let lastAt = performance.now();
    watcher.onPath((path, at) => {
      named.add(path);
      lastAt = at;
    });
    await sleep(500);
    const before = cpuSeconds(watcher.pid);
    let [missedAll, changes] = [0, 0];
    const missed: string[] = [];
    let late = 0;
    for (const storm of storms) {
      named = new Set();
      const over = await blow(storm, root, burst);
      lastAt = Math.max(lastAt, over);
      while (performance.now() - lastAt < quietMs(burst) && performance.now() - over < patienceMs(burst)) {
        await sleep(50);
      }
      const expected = storm.expected(burst);
      const left = expected.filter((path) => !named.has(join(root, path)));
      missedAll += left.length;
      changes += expected.length;
      late = Math.max(late, lastAt - over);
      missed.push(`${storm.name} ${left.length}`);
    }
    const cpu = cpuSeconds(watcher.pid) - before;
    await watcher.stop();
    rmSync(root, { recursive: true });
    console.log(
      `${name}: ${missedAll} of ${changes} missed (${missed.join(", ")}); ` +
        `${((cpu / changes) * 1e6).toFixed(0)} us of CPU for each; the last was known ${late.toFixed(0)} ms after its storm`,
    );
  }
}
