/** The memory that a baseline's tables take once they have been read. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { expect, test } from "vitest";
import { letGoOfTables, mappedTables } from "../../../../agent/watch/kernel/mapped-tables-fs.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

/** KiB of the tables in `folder` that are in this process's memory (proc_pid_smaps(5)). */
function residentKiB(folder: string): number {
  let isTable = false;
  let sum = 0;
  for (const line of readFileSync("/proc/self/smaps", "latin1").split("\n")) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isTable = line.includes(`${folder}/`) && line.endsWith(".ldb");
    else if (isTable && line.startsWith("Rss:")) sum += Number(/\d+/.exec(line)?.[0]);
  }
  return sum;
}

test("tables that were read are let go of, and can still be read", async () => {
  const folder = join(await tempFolder("tables"), "level");
  const other = join(await tempFolder("tables"), "other");
  const all = async (level: ClassicLevel) => {
    let sum = 0;
    for await (const [, value] of level.iterator()) sum += value.length;
    return sum;
  };
  const filled = async (at: string) => {
    const level = new ClassicLevel(at);
    for (let n = 0; n < 20; n++)
      await level.batch(
        Array.from({ length: 1_000 }, (_, i) => ({
          type: "put" as const,
          key: `${n * 1_000 + i}`,
          value: `${Math.random()}`.repeat(10),
        })),
      );
    await level.compactRange("0", "9999999");
    return { level, sum: await all(level) };
  };
  const mine = await filled(folder);
  const theirs = await filled(other);
  const [before, beforeOther] = [residentKiB(folder), residentKiB(other)];
  expect(before).toBeGreaterThan(0);

  expect(letGoOfTables(folder)).toBeGreaterThan(0);
  expect(residentKiB(folder)).toBe(0);
  expect(residentKiB(other)).toBe(beforeOther);
  expect(await all(mine.level)).toBe(mine.sum);
  expect(await all(theirs.level)).toBe(theirs.sum);
  await mine.level.close();
  await theirs.level.close();
});

test("nothing else is touched, and a folder that is not there is nothing to let go of", () => {
  const maps = [
    "7f0000000000-7f0000200000 r--s 00000000 fd:00 11 /data/baseline/000005.ldb",
    "7f0000200000-7f0000300000 rw-s 00000000 fd:00 12 /data/baseline/000006.ldb",
    "7f0000300000-7f0000400000 r--s 00000000 fd:00 13 /data/baseline2/000007.ldb",
    "7f0000400000-7f0000500000 r--s 00000000 fd:00 14 /data/baseline/LOG",
    "7f0000500000-7f0000600000 r--s 00000000 fd:00 15 /data/baseline/000008.ldb (deleted)",
  ].join("\n");
  expect(mappedTables(maps, "/data/baseline")).toEqual([{ from: 0x7f0000000000n, to: 0x7f0000200000n }]);
  expect(letGoOfTables("/nowhere/at/all")).toBe(0);
});
