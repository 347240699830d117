/** Pack folders, read and written, with real files and links. */
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PackFile } from "../../../../shared/packs/pack-file.ts";
import { readPackFolder } from "../../../../shared/packs/read-pack-fs.ts";
import { writePackFolder } from "../../../../shared/packs/write-pack-fs.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

async function packFolder(files: Record<string, string> = {}): Promise<string> {
  const folder = await tempFolder();
  for (const [path, text] of Object.entries({ "pack.yaml": "name: a\n", ...files })) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

const file = (path: string, content = "x", mode = 0o644): PackFile => ({
  path,
  mode,
  content: Buffer.from(content),
});

describe("reading", () => {
  test("gives every file, sorted, with its execute bit, and leaves caches and history out", async () => {
    const folder = await packFolder({
      "sensors/b.py": "b",
      "sensors/__pycache__/b.pyc": "",
      "sensors/b.pyc": "",
      "a.sh": "a",
      ".git/config": "",
    });
    await chmod(join(folder, "a.sh"), 0o755);
    const files = await readPackFolder(folder);
    expect(files.map(({ path }) => path)).toEqual(["a.sh", "pack.yaml", "sensors/b.py"]);
    expect(files[0]?.mode).toBe(0o755);
    expect(Buffer.from(files[2]?.content ?? []).toString()).toBe("b");
  });

  test("follows links within the pack", async () => {
    const folder = await packFolder({ "lib/a.py": "a" });
    await symlink("../lib/a.py", join(folder, "lib", "b.py"));
    await symlink("lib", join(folder, "same"));
    const paths = (await readPackFolder(folder)).map(({ path }) => path);
    expect(paths).toEqual(["lib/a.py", "lib/b.py", "pack.yaml", "same/a.py", "same/b.py"]);
  });

  test.for([
    ["leads out of the pack", "/etc/hostname"],
    ["leads nowhere", "missing"],
    ["leads to the folder around it", "."],
  ] as const)("refuses a link that %s", async ([, target]) => {
    const folder = await packFolder();
    await symlink(target, join(folder, "link"));
    await expect(readPackFolder(folder)).rejects.toMatchObject({
      code: "FILE_UNREADABLE",
      where: join(folder, "link"),
    });
  });

  test("refuses a folder that is not there, and one that is no pack", async () => {
    const folder = await tempFolder();
    await expect(readPackFolder(join(folder, "no"))).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
    await expect(readPackFolder(folder)).rejects.toMatchObject({ code: "PACK_INVALID", where: folder });
  });

  test("stops at too large a folder", async () => {
    const folder = await packFolder({ "large.bin": "x".repeat(33 * 1024 * 1024) });
    await expect(readPackFolder(folder)).rejects.toMatchObject({ code: "PACK_TOO_LARGE" });
  });
});

describe("writing", () => {
  test("what was read is written the same", async () => {
    const source = await packFolder({ "actions/lib/deep.ts": "export {};\n", "run.sh": "#!/bin/sh\n" });
    await chmod(join(source, "run.sh"), 0o755);
    const files = await readPackFolder(source);
    const target = join(await tempFolder(), "digest");
    await writePackFolder(target, files);
    expect(await readPackFolder(target)).toEqual(files);
  });

  test("a folder that is there is left as it is, and nothing is left beside it", async () => {
    const parent = await tempFolder();
    const target = join(parent, "digest");
    await writePackFolder(target, [file("pack.yaml", "first")]);
    await writePackFolder(target, [file("pack.yaml", "second")]);
    expect(await readFile(join(target, "pack.yaml"), "utf8")).toBe("first");
    expect(await readdir(parent)).toEqual(["digest"]);
  });

  test("of several writers at once one wins, and all are content", async () => {
    const parent = await tempFolder();
    const target = join(parent, "digest");
    await Promise.all(
      Array.from({ length: 4 }, () => writePackFolder(target, [file("a/b/c"), file("pack.yaml")])),
    );
    expect(await readdir(parent)).toEqual(["digest"]);
    expect(await readdir(target)).toEqual(["a", "pack.yaml"]);
  });

  test("a path that leads out is refused before anything is written", async () => {
    const parent = await tempFolder();
    await expect(writePackFolder(join(parent, "digest"), [file("../evil")])).rejects.toMatchObject({
      code: "PACK_INVALID",
    });
    expect(await readdir(parent)).toEqual([]);
  });

  test("a folder that cannot be made is told, and nothing is left behind", async () => {
    const parent = await tempFolder();
    const target = join(parent, "not-there", "digest");
    await expect(writePackFolder(target, [file("a")])).rejects.toMatchObject({ code: "FOLDER_UNUSABLE" });
    await writeFile(join(parent, "digest"), "a file in the way");
    await expect(writePackFolder(join(parent, "digest"), [file("a")])).rejects.toMatchObject({
      code: "FOLDER_UNUSABLE",
    });
    expect(await readdir(parent)).toEqual(["digest"]);
  });

  test("files may be read by the user that actions run as", async () => {
    const target = join(await tempFolder(), "digest");
    await writePackFolder(target, [file("a/run", "x", 0o700)]);
    const modes = await Promise.all(
      ["", "a", "a/run"].map(async (path) => (await stat(join(target, path))).mode & 0o777),
    );
    expect(modes).toEqual([0o755, 0o755, 0o755]);
  });
});
