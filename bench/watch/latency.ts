/** How late a single change is known: from the call that makes it to the word of whoever watches. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sleep, type WatchBench } from "./measure.ts";
import { peerNames, startPeer } from "./peers-process.ts";
import { startFileWatch } from "./sensor-process.ts";

const changes = 200;
/** Long enough for the word of the change before it, at whatever time it comes. */
const everyMs = 150;
const patienceMs = 5_000;

interface Named {
  onPath(listener: (path: string, at: number) => void): void;
  stop(): Promise<void>;
}

async function sensor(
  data: string,
  root: string,
  settings: Readonly<Record<string, number>>,
): Promise<Named> {
  const watching = await startFileWatch(data, { ...settings, paths: [{ path: root }] });
  await watching.ready;
  return {
    onPath: (listener) =>
      watching.onTold(({ trigger, payload, at }) => {
        if (trigger === "watch.file_changed") listener(String(payload.path), at);
      }),
    stop: () => watching.stop(),
  };
}

async function peer(name: (typeof peerNames)[number], folder: string, root: string): Promise<Named> {
  const started = startPeer(name, folder, root);
  await started.live;
  return started;
}

/** Each peer waits for quiet as it is used to: @parcel/watcher 50 ms, watchman 20 ms, the others not at all. */
export async function latency({ folder }: WatchBench): Promise<void> {
  const data = (name: string) => {
    const path = join(folder, name);
    mkdirSync(path);
    return path;
  };
  const sides: readonly (readonly [string, (root: string) => Promise<Named>])[] = [
    ["petrel (settle_ms: 50)", (root) => sensor(data("sensor-50"), root, {})],
    ["petrel (settle_ms: 0)", (root) => sensor(data("sensor-0"), root, { settle_ms: 0 })],
    ...peerNames.map((name) => [name, (root: string) => peer(name, join(folder, "peers"), root)] as const),
  ];
  console.log(`\n${changes} single changes, one each ${everyMs} ms; from the write to the word of it`);
  for (const [name, start] of sides) {
    const root = data("single");
    const side = await start(root);
    const made = new Map<string, number>();
    const late = new Map<string, number>();
    side.onPath((path, at) => {
      const since = made.get(path);
      if (since !== undefined && !late.has(path)) late.set(path, at - since);
    });
    await sleep(1_000);
    for (let n = 0; n < changes; n++) {
      const path = join(root, `f${n}`);
      made.set(path, performance.now());
      writeFileSync(path, "x");
      await sleep(everyMs);
    }
    const over = performance.now();
    while (late.size < changes && performance.now() - over < patienceMs) await sleep(20);
    await side.stop();
    rmSync(root, { recursive: true });
    const sorted = [...late.values()].sort((a, b) => a - b);
    const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(1);
    console.log(
      `${name.padEnd(22)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, least ${at(0)} ms; ${changes - late.size} never`,
    );
  }
  for (const name of ["sensor-50", "sensor-0"]) rmSync(join(folder, name), { recursive: true });
}
