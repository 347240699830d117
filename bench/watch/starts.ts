/** What it takes to begin watching: until changes are heard of, and until everything has been looked at once more. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cpuSeconds, residentBytes } from "../proc-fs.ts";
import { median, sleep, type WatchBench } from "./measure.ts";
import { startPeer } from "./peers-process.ts";
import { startFileWatch } from "./sensor-process.ts";
import { makeTree } from "./tree.ts";

interface Cost {
  readonly ms: number;
  readonly cpu: number;
  readonly mib: number;
}

const show = (costs: readonly Cost[]) =>
  `${(median(costs.map(({ ms }) => ms)) / 1000).toFixed(2)} s, ` +
  `${median(costs.map(({ cpu }) => cpu)).toFixed(2)} s of CPU, ${median(costs.map(({ mib }) => mib)).toFixed(0)} MiB`;

export async function starts({ folder, files, repetitions }: WatchBench): Promise<void> {
  const root = join(folder, "tree");
  makeTree(root, files);
  const data = join(folder, "sensor");
  mkdirSync(data);
  const paths = [{ path: root }];
  const first = await startFileWatch(data, { paths });
  await first.ready;
  await first.stop();
  const cost = (pid: number, ms: number): Cost => ({
    ms,
    cpu: cpuSeconds(pid),
    mib: residentBytes(pid) / 2 ** 20,
  });
  const live: Cost[] = [];
  const ready: Cost[] = [];
  const chokidar: Cost[] = [];
  for (let n = 0; n < repetitions; n++) {
    const sensor = await startFileWatch(data, { paths });
    live.push(cost(sensor.pid, await sensor.live));
    ready.push(cost(sensor.pid, await sensor.ready));
    await sensor.stop();
    const peer = startPeer("chokidar", join(folder, "peers"), root);
    chokidar.push(cost(peer.pid, await peer.live));
    await sleep(500);
    await peer.stop();
  }
  rmSync(data, { recursive: true });
  rmSync(root, { recursive: true });
  const ratio = (mine: readonly Cost[], of: "cpu" | "mib") =>
    (median(mine.map((each) => each[of])) / median(chokidar.map((each) => each[of]))).toFixed(3);
  console.log(
    `\nstart on ${files} files with a record of them, medians of ${repetitions}, process start included`,
  );
  console.log(`changes are heard of:      ${show(live)}`);
  console.log(`everything was compared:   ${show(ready)}`);
  console.log(`chokidar is ready:         ${show(chokidar)}`);
  console.log(
    `of chokidar: CPU ${ratio(live, "cpu")} until heard of (bar 0.05), ${ratio(ready, "cpu")} until compared; memory ${ratio(ready, "mib")} (bar 0.3)`,
  );
}
