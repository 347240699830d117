/** What watching costs others: a tar that unpacks into a watched folder, and noise elsewhere that is none of its business. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cpuSeconds } from "../proc-fs.ts";
import { median, sleep, type WatchBench } from "./measure.ts";
import { startFileWatch } from "./sensor-process.ts";
import { makeTree } from "./tree.ts";

const packed = 10_000;
const noiseSeconds = 10;

export async function beside({ folder, repetitions }: WatchBench): Promise<void> {
  const [source, root, data, other] = ["source", "unpacked", "sensor", "other"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  makeTree(source, packed);
  const archive = join(folder, "tree.tar");
  execFileSync("tar", ["cf", archive, "-C", source, "."]);
  for (const each of [root, data, other]) mkdirSync(each);
  const unpack = (n: number): number => {
    const into = join(root, `n${n}`);
    mkdirSync(into);
    const began = performance.now();
    execFileSync("tar", ["xf", archive, "-C", into]);
    const took = performance.now() - began;
    rmSync(into, { recursive: true });
    return took;
  };
  unpack(0);
  const alone: number[] = [];
  const watched: number[] = [];
  for (let n = 0; n < repetitions * 2; n++) {
    alone.push(unpack(n));
    const sensor = await startFileWatch(data, { paths: [{ path: root }] });
    await sensor.ready;
    await sleep(500);
    watched.push(unpack(n));
    await sleep(3_000);
    await sensor.stop();
  }
  const sensor = await startFileWatch(data, { paths: [{ path: root }] });
  await sensor.ready;
  await sleep(1_000);
  // Opens, writes and closes files of the same filesystem as fast as one process can.
  const script = `let n = 0; const end = Date.now() + ${noiseSeconds * 1000};
    while (Date.now() < end) for (let i = 0; i < 1000; i++, n++) fs.writeFileSync("f" + (n % 100), "x");
    console.log(n)`;
  const before = cpuSeconds(sensor.pid);
  const noise = spawn(process.execPath, ["-e", script], { cwd: other, stdio: ["ignore", "pipe", "inherit"] });
  let operations = "";
  noise.stdout.setEncoding("utf8").on("data", (text) => {
    operations += text;
  });
  await once(noise, "exit");
  const share = ((cpuSeconds(sensor.pid) - before) / noiseSeconds) * 100;
  await sensor.stop();
  for (const each of [source, root, data, other, archive]) rmSync(each, { recursive: true, force: true });
  console.log(`\nbeside others, medians of ${repetitions * 2}`);
  console.log(
    `tar xf of ${packed} files: ${median(alone).toFixed(0)} ms alone, ${median(watched).toFixed(0)} ms into a watched folder: ` +
      `${((median(watched) / median(alone) - 1) * 100).toFixed(1)} % slower (bar 15 %)`,
  );
  // Each writeFileSync opens, writes and closes.
  const rate = (Number(operations) * 3) / noiseSeconds;
  console.log(
    `${rate.toFixed(0)} file operations/s elsewhere on the filesystem: ${share.toFixed(1)} % of a core (bar 5 % at 50,000/s)`,
  );
}
