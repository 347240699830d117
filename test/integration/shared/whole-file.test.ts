/** Files that are there whole or not at all, also where the disk takes only a part of them. */
import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { textNow } from "../../../shared/whole-file-fs.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const program = fileURLToPath(new URL("../../fixtures/programs/write-whole-main.ts", import.meta.url));

test.each([
  [6_000, "EFBIG", "before"],
  [2_000, "written", "x".repeat(2_000)],
])("of %d characters, where 4096 have room: %s", async (count, end, content) => {
  const folder = await tempFolder("whole");
  const path = join(folder, "file");
  await writeFile(path, "before");
  // Like a full disk, for one process: the kernel takes what has room, and refuses the next write. In units of 512 bytes.
  const limited = `ulimit -f 8; exec "$0" "$@"`;
  const args = ["-c", limited, process.execPath, program, path, String(count)];
  const { stdout } = await promisify(execFile)("sh", args);
  expect(stdout).toBe(`${end}\n`);
  expect(await readFile(path, "utf8")).toBe(content);
  expect(await readdir(folder)).toEqual(["file"]);
});

test("what has gone while one reads below /proc is nothing; that it cannot be told is an error", async () => {
  const folder = await tempFolder("whole");
  await writeFile(join(folder, "file"), "text");
  // No process has a number like that (pid_max is 2^22 at most).
  const gone = [join(folder, "none"), join(folder, "file/below"), "/proc/4194305/stat"];
  expect([join(folder, "file"), ...gone].map(textNow)).toEqual(["text", null, null, null]);
  expect(() => textNow(folder)).toThrow("EISDIR");
});
