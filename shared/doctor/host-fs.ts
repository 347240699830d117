/** Looks at the host under a data folder. Reads only. */
import { readdir, readFile, realpath, stat, statfs } from "node:fs/promises";
import { arch, cpus, freemem, loadavg, release, totalmem, uptime } from "node:os";
import { dirname, join } from "node:path";
import { syncFolder } from "../folder-fs.ts";
import { textIfThere } from "../whole-file-fs.ts";
import { type DiskFacts, type FileFacts, mountIn } from "./host-facts.ts";

const isMissing = (error: unknown) =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

/** `null` when it is not there. Rejects with the system's error when it may not be looked at. */
export async function fileFacts(path: string): Promise<FileFacts | null> {
  try {
    const found = await stat(path);
    return { path, mode: found.mode & 0o7777, uid: found.uid, isFolder: found.isDirectory() };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Those that are there of these, and all files right in `folders`. */
export async function filesFacts(
  paths: readonly string[],
  folders: readonly string[] = [],
): Promise<readonly FileFacts[]> {
  const inside = await Promise.all(
    folders.map(async (folder) => (await namesThere(folder)).map((name) => join(folder, name))),
  );
  const found = await Promise.all([...paths, ...inside.flat()].map(fileFacts));
  return found.filter((each) => each !== null);
}

async function namesThere(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Of a folder; while it does not exist, of the one that it would be made in. Rejects with the system's error. */
export async function diskFacts(folder: string): Promise<DiskFacts> {
  const place = await existing(folder);
  const { bavail, bsize, blocks, files, ffree } = await statfs(place);
  const isKnown = blocks > 0;
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  return {
    folder,
    freeBytes: isKnown ? bavail * bsize : null,
    totalBytes: isKnown ? blocks * bsize : null,
    freeInodes: isKnown ? ffree : null,
    totalInodes: isKnown ? files : null,
    mount: mountIn(mounts, place),
  };
}

async function existing(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      return await realpath(at);
    } catch (error) {
      if (!isMissing(error) || at === dirname(at)) throw error;
    }
  }
}

/** Milliseconds until a folder was on disk, or why it could not be. Writes nothing of its own. */
export async function syncTime(folder: string): Promise<number | Error> {
  const from = performance.now();
  try {
    await syncFolder(folder);
    return performance.now() - from;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Bytes of the files below a folder, as far as they may be looked at; `null` when it is not there. */
export async function folderBytes(folder: string): Promise<number | null> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const sizes = await Promise.all(
      entries
        .filter((entry) => entry.isFile())
        .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** For a bundle: which system this is, and how busy. Without its name and addresses. */
export async function systemFacts(): Promise<Readonly<Record<string, unknown>>> {
  const os = (await textIfThere("/etc/os-release").catch(() => null)) ?? "";
  return {
    os: /^PRETTY_NAME="?([^"\n]*)/m.exec(os)?.[1] ?? null,
    kernel: release(),
    arch: arch(),
    node: process.versions.node,
    uid: process.getuid?.() ?? null,
    cpus: cpus().length,
    load: loadavg(),
    memory_bytes: totalmem(),
    memory_free_bytes: freemem(),
    up_seconds: Math.round(uptime()),
    memory_cgroup: (await textIfThere("/proc/self/cgroup").catch(() => null))?.trim() ?? null,
  };
}
