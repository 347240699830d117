/**
 * LevelDB maps the tables it reads into memory, and keeps them there: who reads all rows of a large database once holds
 * all of it from then on. This lets go of what was read; the kernel has it in its cache, and gives it again when asked.
 */
import { readFileSync, realpathSync } from "node:fs";
import { loadKoffi } from "../../../shared/runtime/addon-process.ts";

/** Of madvise(2): the pages of a mapped file leave this process, and are read from the file again at the next touch. */
const MADV_DONTNEED = 4;

type Advise = (address: bigint, bytes: bigint, advice: number) => number;

let advise: Advise | undefined;

/**
 * Lets go of the tables of the LevelDB in `folder` that this process has mapped; how many there were. Never throws:
 * where it cannot be done, the memory stays in use.
 */
export function letGoOfTables(folder: string): number {
  try {
    advise ??= bind();
    const tables = mappedTables(readFileSync("/proc/self/maps", "latin1"), realpathSync(folder));
    for (const { from, to } of tables) advise(from, to - from, MADV_DONTNEED);
    return tables.length;
  } catch {
    return 0;
  }
}

/** Where the tables in `folder` are, by the text of proc_pid_maps(5). */
export function mappedTables(
  maps: string,
  folder: string,
): readonly { readonly from: bigint; readonly to: bigint }[] {
  const own = ` ${Buffer.from(folder).toString("latin1")}/`;
  return maps
    .split("\n")
    .filter((line) => line.includes(own) && /\.(ldb|sst)$/.test(line))
    .flatMap((line) => {
      const range = /^([0-9a-f]+)-([0-9a-f]+) r--s /.exec(line);
      return range === null ? [] : [{ from: BigInt(`0x${range[1]}`), to: BigInt(`0x${range[2]}`) }];
    });
}

function bind(): Advise {
  const koffi = loadKoffi();
  return koffi
    .load(null)
    .func("int madvise(uint64_t address, uint64_t bytes, int advice)") as unknown as Advise;
}
