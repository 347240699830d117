/** watchman of Debian: a server of its own, and a subscription to one folder. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { sleep } from "./measure.ts";
import type { Peer } from "./peers-process.ts";

/** An answer, or what it says of files: names relative to the root, whatever happened to them. */
interface Word {
  readonly watch?: string;
  readonly clock?: string;
  readonly subscribe?: string;
  readonly error?: string;
  readonly files?: readonly string[];
}

const patienceMs = 10_000;

export function startWatchman(folder: string, root: string): Peer {
  const began = performance.now();
  const state = mkdtempSync(join(folder, "watchman-"));
  const at = (name: string) => join(state, name);
  const server = spawn(
    "watchman",
    [
      "--foreground",
      `--sockname=${at("sock")}`,
      `--statefile=${at("state")}`,
      `--logfile=${at("log")}`,
      `--pidfile=${at("pid")}`,
    ],
    { stdio: "ignore" },
  );
  const exited = once(server, "exit");
  const listeners: ((path: string, at: number) => void)[] = [];
  const live = Promise.withResolvers<number>();
  let socket: Socket | null = null;
  const ask = (...words: readonly unknown[]) => void socket?.write(`${JSON.stringify(words)}\n`);
  const heard = (line: string) => {
    const word = JSON.parse(line) as Word;
    if (word.error !== undefined) live.reject(new Error(`watchman: ${word.error}`));
    else if (word.files !== undefined) {
      const now = performance.now();
      for (const file of word.files) for (const listener of listeners) listener(join(root, file), now);
    } else if (word.watch !== undefined) ask("clock", root, { sync_timeout: patienceMs });
    else if (word.subscribe !== undefined) live.resolve(performance.now() - began);
    // All that is there has been looked at: only what is newer is asked for.
    else ask("subscribe", root, "bench", { fields: ["name"], since: word.clock });
  };
  const begin = async () => {
    while (!existsSync(at("sock"))) {
      if (performance.now() - began > patienceMs) throw new Error("watchman does not listen");
      await sleep(20);
    }
    socket = connect(at("sock"));
    createInterface(socket).on("line", heard);
    socket.on("error", (error) => live.reject(error));
    ask("watch", root);
  };
  // Whoever waits for `live` is told.
  begin().catch((error: unknown) => live.reject(error));
  return {
    pid: server.pid ?? 0,
    live: live.promise,
    onPath: (listener) => void listeners.push(listener),
    async stop() {
      socket?.destroy();
      server.kill("SIGKILL");
      await exited;
      rmSync(state, { recursive: true });
    },
  };
}
