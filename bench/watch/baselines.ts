/** The first record of everything with SHA-256, and a restart that finds nothing changed, beside aide's. */
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { busySeconds, cpuSeconds, peakBytes } from "../proc-fs.ts";
import { median, sleep, type WatchBench } from "./measure.ts";
import { startFileWatch, type WatchingSensor } from "./sensor-process.ts";
import { makeTree, proportionalMiB } from "./tree.ts";

/** The attributes that the sensor compares. */
const attributes = "p+u+g+s+m+c+i+n+ftype+sha256+acl+xattrs";
/** Idleness is measured in pieces: what others do on the machine reaches the sensor, too, and not in all of them. */
const idlePieces = 4;
const pieceSeconds = 5;
const checkSeconds = 120;

export async function baselines({ folder, files, repetitions }: WatchBench): Promise<void> {
  const root = join(folder, "tree");
  makeTree(root, files);
  const config = join(folder, "aide.conf");
  const [made, known] = [join(folder, "aide.new"), join(folder, "aide.db")];
  writeFileSync(
    config,
    `database_in=file:${known}\ndatabase_out=file:${made}\ngzip_dbout=no\n${root} ${attributes}\n`,
  );
  const aide = (flag: string): number => {
    const began = performance.now();
    const { status, stderr } = spawnSync("aide", ["-c", config, flag], { encoding: "utf8" });
    if (status !== 0) throw new Error(`aide ${flag}: ${status} ${stderr}`);
    return performance.now() - began;
  };
  const ours: number[] = [];
  const ourCpu: number[] = [];
  const peaks: number[] = [];
  const theirs: number[] = [];
  const ourChecks: number[] = [];
  const theirChecks: number[] = [];
  let memory = Number.NaN;
  let idle: Idleness = { all: Number.NaN, quietest: Number.NaN, others: Number.NaN };
  // Once unmeasured, for the cache: both read every file.
  aide("--init");
  for (let n = 0; n < repetitions; n++) {
    theirs.push(aide("--init"));
    renameSync(made, known);
    theirChecks.push(aide("--check"));
    const data = join(folder, "sensor");
    mkdirSync(data);
    const first = await startFileWatch(data, { paths: [{ path: root }] });
    ours.push(await first.ready);
    ourCpu.push(cpuSeconds(first.pid));
    peaks.push(peakBytes(first.pid) / 2 ** 20);
    await first.stop();
    const second = await startFileWatch(data, { paths: [{ path: root }] });
    let told = 0;
    second.onTold(({ trigger }) => {
      if (trigger === "watch.file_changed") told++;
    });
    const checked = endOfCheck(second);
    ourChecks.push(await second.ready);
    if (n === repetitions - 1) {
      await checked;
      idle = await idleness(second.pid);
      memory = proportionalMiB(second.pid);
    }
    await second.stop();
    if (told > 0) throw new Error(`${told} changes were told of a tree that nobody touched`);
    rmSync(data, { recursive: true });
  }
  rmSync(root, { recursive: true });
  const row = (what: string, mine: readonly number[], peer: readonly number[], bar: number) =>
    console.log(
      `${what}: ${(median(mine) / 1000).toFixed(2)} s, aide ${(median(peer) / 1000).toFixed(2)} s, ` +
        `ratio ${(median(mine) / median(peer)).toFixed(3)} (bar ${bar})`,
    );
  console.log(`\nbaseline of ${files} files, medians of ${repetitions}, process start included`);
  row("first record with SHA-256", ours, theirs, 0.3);
  console.log(
    `  on ${availableParallelism()} cores, no budget for either: ${median(ourCpu).toFixed(2)} s of CPU, at most ${median(peaks).toFixed(0)} MiB resident`,
  );
  row("restart, nothing changed", ourChecks, theirChecks, 0.1);
  console.log(
    `sensor: ${memory.toFixed(0)} MiB PSS; idle once all records are checked: ${(idle.all * 1000).toFixed(0)} ms of CPU in ` +
      `${idlePieces * pieceSeconds} s, ${(idle.quietest * 1000).toFixed(0)} ms in the quietest ${pieceSeconds} s of them; ` +
      `others took ${idle.others.toFixed(1)} s meanwhile`,
  );
}

interface Idleness {
  /** Seconds of CPU. */
  readonly all: number;
  /** In the piece with the least. */
  readonly quietest: number;
  /** What all else on the machine took. */
  readonly others: number;
}

async function idleness(pid: number): Promise<Idleness> {
  const pieces: number[] = [];
  const busy = busySeconds();
  for (let n = 0; n < idlePieces; n++) {
    const before = cpuSeconds(pid);
    await sleep(pieceSeconds * 1_000);
    pieces.push(cpuSeconds(pid) - before);
  }
  const all = pieces.reduce((sum, piece) => sum + piece, 0);
  return { all, quietest: Math.min(...pieces), others: busySeconds() - busy - all };
}

/** A start ends with a check of all records, at the pace of a sweep; behind it the sensor says what it holds. */
export function endOfCheck(sensor: WatchingSensor): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => ended.reject(new Error(`the records were not checked in ${checkSeconds} s`)),
    checkSeconds * 1_000,
  );
  ended.promise.then(
    () => clearTimeout(timer),
    () => {},
  );
  let isReady = false;
  void sensor.ready.then(() => {
    isReady = true;
  });
  sensor.onTold(({ trigger }) => {
    if (isReady && trigger === "watch.baseline_anchor") ended.resolve();
  });
  return ended.promise;
}
