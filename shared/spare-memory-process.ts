/** Memory that a burst of work has left, and that an idle process would keep for good. */

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { untouchedMaps } from "./memory-maps.ts";
import { loadKoffi } from "./runtime/addon-process.ts";

type Collect = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/**
 * Collects all garbage and gives the pages back to the kernel: V8 collects when something is allocated, and a process
 * that has nothing to do allocates nothing. Takes some 30 ms; to be called at the end of long work, not within it.
 */
export function giveBackMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect: Collect = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

let trim: ((pad: number) => number) | null | undefined;

/**
 * What native code has freed goes back to the kernel, too (malloc_trim(3)). Loads koffi: for those who have it anyhow.
 * Never throws: another C library may not have the call.
 */
export function giveBackNativeMemory(): void {
  if (trim === undefined) {
    try {
      const koffi = loadKoffi();
      trim = koffi.load(null).func("int malloc_trim(size_t pad)") as unknown as (pad: number) => number;
    } catch {
      trim = null;
    }
  }
  trim?.(0);
}

/** <sys/mman.h> */
const dontNeed = 4;

/**
 * Pages of the program's own file that starting has touched are unmapped; the kernel maps again what is used again, from
 * its cache. Only of parts that nobody can have written to. Loads koffi; never throws.
 */
export function giveBackProgram(): void {
  try {
    const advise = loadKoffi().load(null).func("int madvise(size_t address, size_t length, int advice)");
    const maps = readFileSync("/proc/self/smaps", "utf8");
    for (const [address, length] of untouchedMaps(maps, process.execPath)) advise(address, length, dontNeed);
  } catch {
    // They stay mapped, then.
  }
}
