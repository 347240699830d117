/** Other watchers, each in a process of its own: inotifywait and watchman of Debian, chokidar and @parcel/watcher of npm. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startWatchman } from "./watchman-process.ts";

export const peerNames = ["inotifywait", "@parcel/watcher", "watchman", "chokidar"] as const;
export type PeerName = (typeof peerNames)[number];

export interface Peer {
  readonly pid: number;
  /** ms since its start. */
  readonly live: Promise<number>;
  onPath(listener: (path: string, at: number) => void): void;
  stop(): Promise<void>;
}

/** Installs what npm has of them into `folder`. */
export function installPeers(folder: string): void {
  writeFileSync(join(folder, "package.json"), "{}");
  copyFileSync(new URL("./peer-main.mjs", import.meta.url), join(folder, "peer-main.mjs"));
  const npm = spawnSync("npm", ["install", "--no-audit", "--no-fund", "chokidar", "@parcel/watcher"], {
    cwd: folder,
    encoding: "utf8",
  });
  if (npm.status !== 0) throw new Error(`npm install: ${npm.stderr}`);
}

/** Names what of Debian's packages is missing; empty when nothing is. */
export function missing(programs: readonly string[]): readonly string[] {
  const folders = (process.env.PATH ?? "").split(":");
  return programs.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
}

export function startPeer(name: PeerName, folder: string, root: string): Peer {
  if (name === "watchman") return startWatchman(folder, root);
  const began = performance.now();
  const child: ChildProcess =
    name === "inotifywait"
      ? spawn("inotifywait", ["-m", "-r", "--format", "%w%f", root], { stdio: ["ignore", "pipe", "pipe"] })
      : spawn(process.execPath, [join(folder, "peer-main.mjs"), name, root], {
          cwd: folder,
          stdio: ["ignore", "pipe", "inherit"],
        });
  const listeners: ((path: string, at: number) => void)[] = [];
  const live = Promise.withResolvers<number>();
  const isLive = (line: string) => line === "live" || line === "Watches established.";
  const heard = (line: string) => {
    if (isLive(line)) return live.resolve(performance.now() - began);
    const at = performance.now();
    for (const listener of listeners) listener(line, at);
  };
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface(stream).on("line", heard);
  }
  const exited = once(child, "exit");
  return {
    pid: child.pid ?? 0,
    live: live.promise,
    onPath: (listener) => void listeners.push(listener),
    async stop() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
