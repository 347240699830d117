/** What counts as damage of the database, and where it is moved to. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isDamage, setAside } from "../../../../agent/store/set-aside-fs.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { noon } from "../../../support/records.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const level = (code: string) => Object.assign(new Error(code), { code });

test.each([
  ["files that cannot be opened", new PetrelError("STORE_CORRUPT", "damaged"), true],
  ["a block that cannot be read", level("LEVEL_CORRUPTION"), true],
  ["the same, deeper down", new Error("no journal", { cause: level("LEVEL_CORRUPTION") }), true],
  ["a folder that another process has", new PetrelError("STORE_LOCKED", "locked"), false],
  ["a database of a newer version", new PetrelError("STORE_FORMAT", "newer"), false],
  ["a full disk", level("LEVEL_IO_ERROR"), false],
  ["no error at all", "LEVEL_CORRUPTION", false],
])("%s", (_, error, expected) => expect(isDamage(error)).toBe(expected));

test("the newest three are kept", async () => {
  const data = await tempFolder();
  for (let day = 0; day < 5; day++) {
    await mkdir(join(data, "store"));
    await writeFile(join(data, "store", `day-${day}`), "");
    const aside = await setAside(data, noon + day * 86_400_000);
    expect(await readdir(aside)).toEqual([`day-${day}`]);
  }
  const left = await readdir(data);
  expect(left.sort().map((name) => name.slice(0, "store.damaged-2026-11-22".length))).toEqual([
    "store.damaged-2026-11-24",
    "store.damaged-2026-11-25",
    "store.damaged-2026-11-26",
  ]);
});
