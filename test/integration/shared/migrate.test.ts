/** Databases of an older format, brought to the newest. */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { openDatabase } from "../../../shared/storage/database-store.ts";
import { type Migration, rangesOf } from "../../../shared/storage/migrate-store.ts";
import { newId } from "../../support/link-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const program = resolve(import.meta.dirname, "../../fixtures/programs/migrating-main.ts");
const numbers = Array.from({ length: 1_800 }, (_, i) => `n/${String(i).padStart(5, "0")}`);

/** A folder with a database of format 1 and 1,800 numbered records. */
async function oldDatabase() {
  const folder = await tempFolder("migrate");
  const { level, incarnation, close } = await openDatabase({ folder, format: 1, newId });
  await level.batch([
    ...numbers.map((key) => ({ type: "put", key, value: "v" }) as const),
    { type: "put", key: "other", value: "v" } as const,
  ]);
  await close();
  return { folder, incarnation };
}

const doubling = (from: number): Migration => ({
  from,
  change: (key, value) => (key.startsWith("n/") ? [{ type: "put", key, value: value + value }] : []),
});

test("each record is changed once by each step, in their order, and the identity stays", async () => {
  const { folder, incarnation } = await oldDatabase();
  const open = () => openDatabase({ folder, format: 3, newId, migrations: [doubling(2), doubling(1)] });
  const database = await open();
  expect(database.incarnation).toBe(incarnation);
  await database.close();
  const again = await open();
  const values = await again.level.getMany([...numbers, "other", "~format", "~migrating"]);
  await again.close();
  expect(values).toEqual([...numbers.map(() => "vvvv"), "v", "3", undefined]);
  await expect(openDatabase({ folder, format: 1, newId })).rejects.toMatchObject({ code: "STORE_FORMAT" });
});

test("without a way to the newest format it is refused, and nothing is touched", async () => {
  const { folder } = await oldDatabase();
  for (const migrations of [[], [doubling(2)], [doubling(1)]]) {
    await expect(openDatabase({ folder, format: 3, newId, migrations })).rejects.toMatchObject({
      code: "STORE_FORMAT",
    });
  }
  const { level, close } = await openDatabase({ folder, format: 1, newId });
  expect(await level.getMany(["n/00000", "~format"])).toEqual(["v", "1"]);
  await close();
});

test("killed at any record, it goes on where it stood; no older version opens what is half changed", async () => {
  const { folder } = await oldDatabase();
  for (const killAt of ["n/00000", "n/00700", "n/01799", "other"]) {
    const { signal } = spawnSync(process.execPath, [program, folder, killAt]);
    expect(signal).toBe("SIGKILL");
    await expect(openDatabase({ folder, format: 1, newId })).rejects.toMatchObject({ code: "STORE_FORMAT" });
  }
  expect(spawnSync(process.execPath, [program, folder]).stdout.toString()).toBe("done");
  const { level, close } = await openDatabase({ folder, format: 2, newId });
  expect(await level.getMany(numbers)).toEqual(numbers.map(() => "v+"));
  await close();
});

test("a step that names where it looks reads nothing else, and is told as it begins and ends", async () => {
  const { folder } = await oldDatabase();
  const looked: string[] = [];
  const told: object[] = [];
  const step: Migration = {
    from: 1,
    prefixes: ["n/", "a/"],
    change: (key) => {
      looked.push(key);
      return key === "n/00700" ? [{ type: "del", key }] : [];
    },
  };
  const onMigration = (said: object) => void told.push(said);
  const { level, close } = await openDatabase({ folder, format: 2, newId, migrations: [step], onMigration });
  expect(looked).toEqual(numbers);
  expect(told).toEqual([
    { from: 1, to: 2, isDone: false },
    { from: 1, to: 2, isDone: true },
  ]);
  expect(await level.getMany(["n/00700", "n/00701", "other", "~migrating"])).toEqual([
    ...[undefined, "v", "v", undefined],
  ]);
  await close();
});

test.each([
  [undefined, "", [["", "~"]]],
  [undefined, "k/b", [["k/b", "~"]]],
  [
    ["k/", "es/"],
    "",
    [
      ["es/", "es0"],
      ["k/", "k0"],
    ],
  ],
  [
    ["k/", "es/"],
    "es/failed/7",
    [
      ["es/failed/7", "es0"],
      ["k/", "k0"],
    ],
  ],
  [["k/", "es/"], "k/b", [["k/b", "k0"]]],
])("of %j behind %j is left %j", (prefixes, after, left) => {
  expect(rangesOf(prefixes, after).map(({ gt, lt }) => [gt, lt])).toEqual(left);
});
