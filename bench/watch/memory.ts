/** What the sensor holds once all records are checked, for a tree and for one ten times as large. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endOfCheck } from "./baselines.ts";
import { sleep, type WatchBench } from "./measure.ts";
import { startFileWatch } from "./sensor-process.ts";
import { makeTree, proportionalMiB } from "./tree.ts";

/** What is given back is given back behind the word that the check has ended. */
const settleMs = 2_000;

export async function memory({ folder, files }: WatchBench): Promise<void> {
  const [small, large] = [await held(folder, files), await held(folder, 10 * files)];
  console.log(
    `\nsensor, restarted, all records checked: ${small.toFixed(0)} MiB PSS for ${files} files, ` +
      `${large.toFixed(0)} MiB for ${10 * files}: ${(large / small).toFixed(2)}x (bar 1.1)`,
  );
}

async function held(folder: string, files: number): Promise<number> {
  const [root, data] = [join(folder, "tree"), join(folder, "sensor")];
  makeTree(root, files);
  mkdirSync(data);
  const first = await startFileWatch(data, { paths: [{ path: root }] });
  await first.ready;
  await first.stop();
  const second = await startFileWatch(data, { paths: [{ path: root }] });
  await endOfCheck(second);
  await sleep(settleMs);
  const size = proportionalMiB(second.pid);
  await second.stop();
  for (const each of [root, data]) rmSync(each, { recursive: true });
  return size;
}
