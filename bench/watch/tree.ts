/** A tree to be watched, the same for the same size, and what it costs to look at processes. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const perFolder = 20;
const noise = Buffer.from(Array.from({ length: 64 * 1024 }, (_, i) => (i * 2_654_435_761) >>> 24));

/** Makes `files` files of 0 to 11 KiB, 20 in each folder, folders 50 to a folder; paths relative to `root`. */
export function makeTree(root: string, files: number): readonly string[] {
  const paths: string[] = [];
  let folder = "";
  for (let n = 0; n < files; n++) {
    if (n % perFolder === 0) {
      const at = n / perFolder;
      folder = join(`d${Math.floor(at / 50)}`, `e${at % 50}`);
      mkdirSync(join(root, folder), { recursive: true });
    }
    const path = join(folder, `file-${n}`);
    writeFileSync(join(root, path), noise.subarray(n % 50_000, (n % 50_000) + ((n * 7_919) % 11_264)));
    paths.push(path);
  }
  return paths;
}

/** Proportional set size in MiB; needs the right to look at the process. */
export function proportionalMiB(pid: number): number {
  const line = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  return Number(line?.[1] ?? 0) / 1024;
}
