import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { apiFilePath, apiKeyOf, readApiFile, writeApiFile } from "../../../../hub/http/api-file-fs.ts";
import { systemRandom } from "../../../../shared/system-process.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const file = { url: "http://127.0.0.1:1", key: "k", mqtt: "mqtt://127.0.0.1:2", pid: 3 };

describe("api.json", () => {
  test("reads as it was written, is its owner's only, and leaves nothing beside it", async () => {
    const folder = await tempFolder();
    await writeApiFile(folder, file);
    expect(await readApiFile(folder)).toEqual(file);
    expect((await stat(apiFilePath(folder))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["api.json"]);
  });

  test("is its owner's only also where another was readable by all, or a crash left half of one", async () => {
    const folder = await tempFolder();
    await writeFile(apiFilePath(folder), "{}", { mode: 0o644 });
    await writeFile(`${apiFilePath(folder)}.new`, '{"url', { mode: 0o666 });
    await writeApiFile(folder, file);
    expect(await readApiFile(folder)).toEqual(file);
    expect((await stat(apiFilePath(folder))).mode & 0o777).toBe(0o600);
  });

  test("is none where there is no folder, no file, or something else", async () => {
    const folder = await tempFolder();
    expect(await readApiFile(`${folder}/nothing`)).toBeNull();
    expect(await readApiFile(folder)).toBeNull();
    for (const text of ["", "{", "[]", '{"url":1}']) {
      await writeFile(apiFilePath(folder), text);
      expect(await readApiFile(folder)).toBeNull();
    }
  });

  test("that cannot be read is told with its path", async () => {
    const folder = await tempFolder();
    await mkdir(apiFilePath(folder));
    await expect(readApiFile(folder)).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  });

  test("keeps its key over restarts; a new one is 32 random bytes", async () => {
    const folder = await tempFolder();
    const key = await apiKeyOf(folder, systemRandom);
    expect(Buffer.from(key, "base64url")).toHaveLength(32);
    expect(await apiKeyOf(folder, systemRandom)).not.toBe(key);
    await writeApiFile(folder, { ...file, key });
    expect(await apiKeyOf(folder, systemRandom)).toBe(key);
  });
});
