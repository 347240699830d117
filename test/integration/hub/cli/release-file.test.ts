/** A binary that is to be handed out: what is verified, asked and sent is one copy that nobody else can change. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { sendParts, withRelease } from "../../../../hub/cli/agent/release-file-process.ts";
import { digestOf } from "../../../../shared/install/releases-fs.ts";
import { atEnd } from "../../../support/at-end.ts";
import { programFile } from "../../../support/installed-program.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

/** A binary, and a folder of its own for what is temporary. */
async function binary() {
  const root = await tempFolder("release");
  const temporary = join(root, "tmp");
  await mkdir(temporary);
  vi.stubEnv("TMPDIR", temporary);
  onTestFinished(() => void vi.unstubAllEnvs());
  return { root, temporary, file: await programFile(root, "1.1.0") };
}

const asked = async (root: string) =>
  (await readFile(join(root, "asked"), "utf8").catch(() => "")).split("\n").filter((line) => line !== "");

test("what is run and sent is a copy, whoever changes the file meanwhile, and nothing of it stays", async () => {
  const { root, temporary, file } = await binary();
  const sha256 = await digestOf(file);
  const other = join(root, "other");
  await writeFile(other, "#!/bin/sh\nexit 3\n", { mode: 0o755 });
  const sent = await withRelease(file, { sha256 }, root, async (release) => {
    expect(release).toMatchObject({ version: "1.1.0", sha256 });
    await rename(other, file);
    return sendParts(release.path, release.sha256, async () => {});
  });
  expect(sent.bytes).toBeGreaterThan(100);
  const runs = await asked(root);
  expect(runs.map((path) => [path === file, dirname(dirname(path))])).toEqual([[false, temporary]]);
  expect(await readdir(temporary)).toEqual([]);
});

test("a file with another digest is not run", async () => {
  const { root, temporary, file } = await binary();
  const use = async () => "used";
  await expect(withRelease(file, { sha256: "0".repeat(64) }, root, use)).rejects.toMatchObject({
    code: "UPGRADE_DIGEST",
    where: file,
  });
  expect([await asked(root), await readdir(temporary)]).toEqual([[], []]);
});

test("a copy that may not be run says where it lies, and how it lies elsewhere", async () => {
  const { root, temporary } = await binary();
  // Refused as on a file system with noexec: with EACCES, though its mode allows it.
  const file = join(root, "barred");
  await writeFile(join(root, "plain"), "", { mode: 0o644 });
  await writeFile(file, `#!${join(root, "plain")}\n`, { mode: 0o755 });
  await expect(withRelease(file, {}, root, async () => {})).rejects.toMatchObject({
    code: "UPGRADE_UNFIT",
    where: file,
    hint: expect.stringMatching(new RegExp(`${temporary}/petrel-release-.*TMPDIR=`)),
  });
  expect(await readdir(temporary)).toEqual([]);
});

test.each(["SIGTERM", "SIGHUP"] as const)("nothing of the copy stays after %s", async (signal) => {
  const { root, temporary, file } = await binary();
  const release = resolve(import.meta.dirname, "../../../../hub/cli/agent/release-file-process.ts");
  const program = `import { withRelease } from ${JSON.stringify(release)};
    await withRelease(${JSON.stringify(file)}, {}, ${JSON.stringify(root)}, () => new Promise(() => {
      console.log("copied");
      setInterval(() => {}, 1000);
    }));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env.PATH, TMPDIR: temporary },
  });
  atEnd(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  expect(await readdir(temporary)).toHaveLength(1);
  const ended = once(child, "exit");
  child.kill(signal);
  expect(await ended).toEqual([null, signal]);
  expect(await readdir(temporary)).toEqual([]);
});

test("a SHA256SUMS that names the file otherwise says what to do", async () => {
  const { root, file } = await binary();
  const sums = join(root, "SHA256SUMS");
  await writeFile(sums, `${await digestOf(file)}  linux-x64/petrel-agent\n`);
  await expect(withRelease(file, { sums }, root, async () => {})).rejects.toMatchObject({
    code: "UPGRADE_DIGEST",
    message: expect.stringContaining("no line for program-1.1.0"),
    hint: expect.stringMatching(/petrel-agent.*--sha256/),
  });
});
