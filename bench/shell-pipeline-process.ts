/**
 * What people put together instead: inotifywait publishes each file, a "rule" publishes a command for it, a shell runs
 * that. Nothing is stored, and each word of it can be lost.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { startMosquitto } from "./mosquitto-process.ts";
import type { TouchedSide } from "./touched.ts";

/** In bash: `$F` is the folder, `$P` the broker's port. Each `mosquitto_pub` carries one message, QoS 1. */
const stages = [
  `inotifywait -m -q -e create --format '%w%f' "$F" | while read -r f; do mosquitto_pub -p $P -q 1 -t files -m "$f"; done`,
  `mosquitto_sub -p $P -q 1 -t files | while read -r f; do mosquitto_pub -p $P -q 1 -t commands -m "echo $f"; done`,
  `mosquitto_sub -p $P -q 1 -t commands | sh`,
];
const startMs = 1_500;

export async function startPipeline(folder: string, watched: string): Promise<TouchedSide> {
  const own = mkdtempSync(join(folder, "pipeline-"));
  const mosquitto = await startMosquitto(own);
  const env = { ...process.env, F: watched, P: String(mosquitto.port) };
  const ran: { readonly path: string; readonly at: number }[] = [];
  // Groups of their own: a stage is several processes.
  const shells = stages.map((stage) =>
    spawn("bash", ["--norc", "-c", stage], { env, detached: true, stdio: ["ignore", "pipe", "inherit"] }),
  );
  for (const { stdout } of shells) {
    createInterface(stdout).on("line", (path) => void ran.push({ path, at: Date.now() }));
  }
  await sleep(startMs);
  return {
    count: async () => ran.length,
    ran: async () => ran,
    async stop() {
      await Promise.all(
        shells.map(async (shell) => {
          const exited = once(shell, "exit");
          process.kill(-(shell.pid ?? 0), "SIGKILL");
          await exited;
        }),
      );
      await mosquitto.stop();
      rmSync(own, { recursive: true });
    },
  };
}
