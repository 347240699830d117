/** Compiles `slow-fsync.c`, and says with which environment a process has slow syncs. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const source = fileURLToPath(new URL("slow-fsync.c", import.meta.url));

/** Needs `cc`. `extraMs` is added to each sync. */
export async function slowFsync(folder: string, extraMs: number): Promise<Readonly<Record<string, string>>> {
  const library = join(folder, "slow-fsync.so");
  await promisify(execFile)("cc", ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"]);
  return { LD_PRELOAD: library, PETREL_BENCH_FSYNC_US: String(extraMs * 1000) };
}
