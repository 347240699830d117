/** What a thread reads is what the same look would have read itself, whatever happens to files and threads meanwhile. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { appendFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { xattrReader } from "../../../../agent/watch/kernel/xattrs-fs.ts";
import { lookStat, readExtras, statOf } from "../../../../agent/watch/look-fs.ts";
import { encodeStat } from "../../../../agent/watch/packed-stat.ts";
import type { FileToRead } from "../../../../agent/watch/reading/batch.ts";
import { Readers } from "../../../../agent/watch/reading/readers-process.ts";
import { bytePath } from "../../../../shared/watch/paths.ts";
import { atEnd } from "../../../support/at-end.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { agentSide, openWatchDesk } from "../../../support/watch-desk.ts";

const wanted = { digest: true, digestMaxBytes: 10_000_000, xattrs: true };

function readers(threads = 2, program?: URL): { readonly readers: Readers; readonly warnings: string[] } {
  const warnings: string[] = [];
  const made = new Readers({
    threads,
    now: () => 5,
    warn: (message) => warnings.push(message),
    ...(program && { program }),
  });
  atEnd(() => made.stop());
  return { readers: made, warnings };
}

function toRead(path: string): FileToRead {
  const outcome = lookStat(bytePath(path));
  if (!("found" in outcome) || outcome.found === null) throw new Error(`nothing is at ${path}`);
  return { path: bytePath(path), stat: outcome.found, wanted };
}

/** So many that a thread is worth it. */
function manyFiles(folder: string, count = 200): readonly string[] {
  return Array.from({ length: count }, (_, n) => {
    const path = join(folder, `f${n}`);
    writeFileSync(path, `content ${n}`);
    return path;
  });
}

describe("files that are read by a thread", () => {
  test("have the digest and the attributes that a look finds", async () => {
    const folder = await tempFolder();
    const paths = [...manyFiles(folder), join(folder, "empty"), join(folder, "large"), join(folder, "nämé ")];
    writeFileSync(join(folder, "empty"), "");
    writeFileSync(join(folder, "large"), randomBytes(3_500_000));
    writeFileSync(join(folder, "nämé "), "x");
    const hasXattrs = spawnSync("setfattr", ["-n", "user.a", "-v", "b", paths[3] ?? ""]).status === 0;
    const files = paths.map(toRead);
    const { readers: pool } = readers();
    const batch = pool.begin(files);
    await batch.read;
    for (const { path, stat } of files) {
      const expected = await readExtras(path, stat, { ...wanted, follow: false }, xattrReader());
      const read = pool.of(path, stat);
      expect(read?.extras()).toEqual(expected);
      expect(read?.at).toBe(5);
      if (expected?.xattrs === undefined) expect(read?.packed()?.extras).toEqual(expected);
      else expect(read?.packed()).toBe(null);
    }
    if (hasXattrs)
      expect(pool.of(bytePath(paths[3] ?? ""), toRead(paths[3] ?? "").stat)?.extras()?.xattrs).toBeDefined();
    batch.release();
    expect(pool.of(files[0]?.path ?? "", toRead(paths[0] ?? "").stat)).toBe(null);
  });

  test("that became something else meanwhile are said to have changed, and nothing else is read", async () => {
    const folder = await tempFolder();
    const paths = manyFiles(folder);
    const files = paths.map(toRead);
    const [gone = "", grown = "", link = "", pipe = "", replaced = "", directory = ""] = paths;
    await rm(gone);
    await appendFile(grown, "more");
    await rm(link);
    await symlink(paths[9] ?? "", link);
    await rm(pipe);
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    await writeFile(`${replaced}.new`, "content 4");
    await rename(`${replaced}.new`, replaced);
    await rm(directory);
    mkdirSync(directory);
    const { readers: pool } = readers();
    await pool.begin(files).read;
    const read = files.map(({ path, stat }) => pool.of(path, stat));
    expect(read.slice(0, 6).map((one) => one?.extras())).toEqual([null, null, null, null, null, null]);
    expect(read.slice(6).every((one) => typeof one?.extras()?.digest === "string")).toBe(true);
  });

  test("are not said to be anything for another look than the one they were read for", async () => {
    const folder = await tempFolder();
    const paths = manyFiles(folder);
    const { readers: pool } = readers();
    await pool.begin(paths.map(toRead)).read;
    await writeFile(paths[0] ?? "", "other");
    expect(pool.of(bytePath(paths[0] ?? ""), toRead(paths[0] ?? "").stat)).toBe(null);
  });

  test("larger than wanted, and wanted without a digest, are not read", async () => {
    const folder = await tempFolder();
    const files = manyFiles(folder).map(toRead);
    const { readers: pool } = readers();
    const [small, none] = [
      { ...wanted, digestMaxBytes: 3 },
      { ...wanted, digest: false },
    ];
    await pool.begin(files.map((file, n) => ({ ...file, wanted: n % 2 === 0 ? small : none }))).read;
    const of = (n: number) => pool.of(files[n]?.path ?? "", files[n]?.stat ?? toRead(folder).stat)?.extras();
    expect(of(0)).toEqual({ digest: null, digestMissing: "too-large" });
    expect(of(1)).toEqual({ digest: null });
  });
});

describe("a reading thread", () => {
  test("that is ended answers nothing, and what it was to read is left to others", async () => {
    const folder = await tempFolder();
    const files = manyFiles(folder).map(toRead);
    const { readers: pool } = readers();
    const batch = pool.begin(files);
    await pool.stop();
    await batch.read;
    expect(pool.of(files[0]?.path ?? "", files[0]?.stat ?? toRead(folder).stat)).toBe(null);
    // And none is begun after the end.
    await pool.begin(files).read;
    expect(pool.of(files[0]?.path ?? "", files[0]?.stat ?? toRead(folder).stat)).toBe(null);
  });

  test("that breaks says so, once, and no other is begun", async () => {
    const folder = await tempFolder();
    const files = manyFiles(folder).map(toRead);
    const program = new URL(
      'data:text/javascript,import { parentPort } from "node:worker_threads";parentPort.on("message", () => { throw new Error("broken") })',
    );
    const { readers: pool, warnings } = readers(1, program);
    await Promise.all([pool.begin(files).read, pool.begin(files).read]);
    await pool.begin(files).read;
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("a reading thread ended");
    expect(pool.of(files[0]?.path ?? "", files[0]?.stat ?? toRead(folder).stat)).toBe(null);
  });

  test("is not begun for few files", async () => {
    const folder = await tempFolder();
    const files = manyFiles(folder, 20).map(toRead);
    const { readers: pool } = readers();
    await pool.begin(files).read;
    expect(pool.of(files[0]?.path ?? "", files[0]?.stat ?? toRead(folder).stat)).toBe(null);
  });
});

test("lstat(2) by our own call says what Node's says, byte for byte", async () => {
  const folder = await tempFolder();
  const [file = ""] = manyFiles(folder, 1);
  symlinkSync("nowhere", join(folder, "link"));
  spawnSync("mkfifo", [join(folder, "pipe")]);
  for (const path of [
    folder,
    file,
    join(folder, "link"),
    join(folder, "pipe"),
    "/",
    "/dev/null",
    "/proc/self/exe",
  ]) {
    const theirs = statOf(lstatSync(path, { bigint: true }));
    const outcome = lookStat(bytePath(path));
    if (!("found" in outcome) || outcome.found === null) throw new Error(`nothing is at ${path}`);
    expect(encodeStat(outcome.found).toString("hex"), path).toBe(encodeStat(theirs).toString("hex"));
    for (const name of Object.keys(theirs) as (keyof typeof theirs)[]) {
      expect(outcome.found[name], `${path} ${name}`).toBe(theirs[name]);
    }
  }
  expect(lookStat(bytePath(join(folder, "none")))).toEqual({ found: null });
  expect(lookStat(bytePath(join(file, "below")))).toEqual({ found: null });
  expect(lookStat(bytePath(join(folder, "n".repeat(300))))).toEqual({ error: "ENAMETOOLONG" });
  expect(lookStat(bytePath(`/${"n".repeat(5_000)}`))).toEqual({ error: "ENAMETOOLONG" });
});

test("the first record is the same with threads and without, and none is left behind", async () => {
  const root = await tempFolder();
  for (let n = 0; n < 40; n++) {
    mkdirSync(join(root, `d${n}`));
    manyFiles(join(root, `d${n}`), 40);
  }
  const records = async (readingThreads: number) => {
    const desk = await openWatchDesk(await tempFolder(), { paths: [{ path: root }] }, agentSide(), {
      readingThreads,
    });
    const rows = desk.baseline.within(bytePath(root));
    const found: string[] = [];
    for (let batch = await rows.next(); batch.length > 0; batch = await rows.next()) {
      for (const { path } of batch) found.push(`${path} ${JSON.stringify(desk.baseline.get(path)?.extras)}`);
    }
    await rows.close();
    await desk.close();
    return found;
  };
  const threadsBefore = readdirSync("/proc/self/task").length;
  const read = await records(2);
  expect(read).toHaveLength(1 + 40 + 1_600);
  expect(readdirSync("/proc/self/task").length).toBeLessThan(threadsBefore + 2);
  expect(await records(0)).toEqual(read);
});
