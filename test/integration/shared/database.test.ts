/** Opening a database's folder: its identity, its format, and clear refusals. */
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../shared/storage/database-store.ts";
import { newId } from "../../support/link-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";

test("the incarnation is kept across openings, and another folder has another", async () => {
  const folder = join(await tempFolder(), "deep", "store");
  const first = await openDatabase({ folder, format: 1, newId });
  await first.close();
  const again = await openDatabase({ folder, format: 1, newId });
  expect(again.incarnation).toBe(first.incarnation);
  await again.close();
  const other = await openDatabase({ folder: await tempFolder(), format: 1, newId });
  expect(other.incarnation).not.toBe(first.incarnation);
  await other.close();
});

test("a folder that is open is STORE_LOCKED", async () => {
  const folder = await tempFolder();
  const database = await openDatabase({ folder, format: 1, newId });
  onTestFinished(() => database.close());
  await expect(openDatabase({ folder, format: 1, newId })).rejects.toMatchObject({
    code: "STORE_LOCKED",
    where: folder,
  });
});

test("a newer format is STORE_FORMAT, touches nothing, and lets go of the folder", async () => {
  const folder = await tempFolder();
  const newer = await openDatabase({ folder, format: 7, newId });
  await newer.close();
  await expect(openDatabase({ folder, format: 6, newId })).rejects.toMatchObject({ code: "STORE_FORMAT" });
  const again = await openDatabase({ folder, format: 7, newId });
  expect(again.incarnation).toBe(newer.incarnation);
  await again.close();
});

test("a file in the place of the folder is FOLDER_UNUSABLE", async () => {
  const path = join(await tempFolder(), "file");
  await writeFile(path, "");
  await expect(openDatabase({ folder: path, format: 1, newId })).rejects.toMatchObject({
    code: "FOLDER_UNUSABLE",
    where: path,
  });
});

test("a folder that may not be written is FOLDER_UNUSABLE", async (context) => {
  if (process.getuid?.() === 0) {
    console.warn("SKIPPED: root may write anywhere");
    context.skip();
  }
  const folder = join(await tempFolder(), "closed");
  await mkdir(folder);
  await chmod(folder, 0o500);
  await expect(openDatabase({ folder, format: 1, newId })).rejects.toMatchObject({ code: "FOLDER_UNUSABLE" });
});

test("damaged files are STORE_CORRUPT", async () => {
  const folder = await tempFolder();
  const database = await openDatabase({ folder, format: 1, newId });
  await database.close();
  const manifest = (await readdir(folder)).find((name) => name.startsWith("MANIFEST"));
  await writeFile(join(folder, manifest ?? ""), "no manifest at all");
  await expect(openDatabase({ folder, format: 1, newId })).rejects.toMatchObject({ code: "STORE_CORRUPT" });
});
