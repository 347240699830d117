/** Which maps may be given back. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { untouchedMaps } from "../../../shared/memory-maps.ts";

const map = (head: string, anonymous = 0, dirty = 0) =>
  `${head}\nSize:                 64 kB\nPrivate_Dirty:        ${dirty} kB\nAnonymous:            ${anonymous} kB\nVmFlags: rd mr\n`;

test.each<[why: string, head: string, anonymous: number, dirty: number, found: boolean]>([
  ["code", "00400000-00500000 r-xp 00000000 fe:01 123   /usr/bin/petrel agent", 0, 0, true],
  ["constants", "7f0000400000-7f0000500000 r--p 00001000 fe:01 123 /usr/bin/petrel agent", 0, 0, true],
  [
    "what the loader relocated",
    "00400000-00500000 r--p 00000000 fe:01 123 /usr/bin/petrel agent",
    8,
    8,
    false,
  ],
  [
    "what was written in place",
    "00400000-00500000 r--p 00000000 fe:01 123 /usr/bin/petrel agent",
    0,
    4,
    false,
  ],
  ["variables", "00400000-00500000 rw-p 00000000 fe:01 123 /usr/bin/petrel agent", 0, 0, false],
  ["what others share", "00400000-00500000 r--s 00000000 fe:01 123 /usr/bin/petrel agent", 0, 0, false],
  ["another file", "00400000-00500000 r-xp 00000000 fe:01 123 /usr/bin/petrel", 0, 0, false],
  ["no file", "00400000-00500000 r-xp 00000000 00:00 0", 0, 0, false],
])("%s", (_why, head, anonymous, dirty, found) => {
  const other = map("7fff00000000-7fff00001000 rw-p 00000000 00:00 0       [stack]", 4, 4);
  const maps = untouchedMaps(other + map(head, anonymous, dirty) + other, "/usr/bin/petrel agent");
  expect(maps.map(([, length]) => length)).toEqual(found ? [0x100000n] : []);
});

test("this process has some", () => {
  expect(untouchedMaps(readFileSync("/proc/self/smaps", "utf8"), process.execPath).length).toBeGreaterThan(0);
});
