/** Asks the kernel what it lets this process, and the agent, do. Reads only. */
import { readdir, readFile, stat } from "node:fs/promises";
import { textIfThere } from "../../shared/whole-file-fs.ts";
import { fanotifyProblem } from "../watch/kernel/fanotify-fs.ts";
import { loadLibc } from "../watch/kernel/libc-fs.ts";
import type { InotifyFacts, OpenFiles } from "./kernel.ts";

/** Why fanotify is not to be had; `null` when it is. */
export function askFanotify(): string | null {
  let libc: ReturnType<typeof loadLibc>;
  try {
    libc = loadLibc();
  } catch (error) {
    return `no system calls: ${error instanceof Error ? error.message : String(error)}`;
  }
  return fanotifyProblem(libc);
}

/** `uid`: whose watches are counted, as far as this process may see them. `null` when there is no inotify. */
export async function inotifyFacts(uid: number): Promise<InotifyFacts | null> {
  const limit = async (name: string) =>
    Number(await textIfThere(`/proc/sys/fs/inotify/${name}`).catch(() => null));
  const [maxWatches, maxInstances] = await Promise.all([
    limit("max_user_watches"),
    limit("max_user_instances"),
  ]);
  if (!(maxWatches > 0) || !(maxInstances > 0)) return null;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  let watches = 0;
  let instances = 0;
  for (const pid of pids) {
    // Processes end while one looks, and others may not be looked at.
    if ((await stat(`/proc/${pid}`).catch(() => null))?.uid !== uid) continue;
    const folder = `/proc/${pid}/fdinfo`;
    for (const name of await readdir(folder).catch(() => [])) {
      const text = await readFile(`${folder}/${name}`, "utf8").catch(() => "");
      const lines = text.split("\n").filter((line) => line.startsWith("inotify wd:")).length;
      if (lines === 0) continue;
      watches += lines;
      instances += 1;
    }
  }
  return { maxWatches, maxInstances, watches, instances };
}

/** `pid`: the agent's; `null`: this process, which has the same limits only if it was started alike. */
export async function openFiles(pid: number | null): Promise<OpenFiles | null> {
  const folder = `/proc/${pid ?? "self"}`;
  const limits = await textIfThere(`${folder}/limits`).catch(() => null);
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? "") ?? [];
  if (soft === undefined) return null;
  const used = await readdir(`${folder}/fd`).then(
    (names) => names.length,
    () => null,
  );
  const limit = soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
  return { limit, used, of: pid === null ? "this process" : `agent, pid ${pid}` };
}
