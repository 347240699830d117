/** What a thread reads is what the same look would have read itself, whatever happens to files and threads meanwhile. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { appendFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { Seal } from "../../../../agent/watch/integrity/seal.ts";
import { rowHash } from "../../../../agent/watch/integrity/sealed-row.ts";
import { Tally } from "../../../../agent/watch/integrity/tally.ts";
import { xattrReader } from "../../../../agent/watch/kernel/xattrs-fs.ts";
import { lookStat, readExtras, statOf } from "../../../../agent/watch/look-fs.ts";
import { encodeStat } from "../../../../agent/watch/packed-stat.ts";
import type { FileToRead } from "../../../../agent/watch/reading/batch.ts";
import { Readers } from "../../../../agent/watch/reading/readers-process.ts";
import { rowsOf } from "../../../../agent/watch/reading/sealing.ts";
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
    sealKey: () => new Uint8Array(32),
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

  test("seals rows of what is there, and leaves what it cannot say for sure", async () => {
    const folder = await tempFolder();
    const paths = manyFiles(folder);
    const [gone = "", link = "", pipe = "", large = ""] = paths;
    await rm(gone);
    await rm(link);
    await symlink(paths[9] ?? "", link);
    await rm(pipe);
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    await writeFile(large, randomBytes(30_000));
    // None of them is young.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await appendFile(paths[5] ?? "", "young");
    const ahead = { ...wanted, digestMaxBytes: 20_000 };
    const { readers: pool } = readers();
    const answer = await pool.seal(paths.map((path) => ({ path: bytePath(path), wanted: ahead })));
    if (answer === null) throw new Error("nothing was sealed");
    const left = [...answer.left];
    expect(left.slice(0, 4)).toEqual([0, 1, 2, 3]);
    const rows = rowsOf(answer);
    expect(rows.length + left.length).toBe(paths.length);
    const seal = new Seal(Buffer.alloc(32));
    const tally = new Tally();
    for (const { key, row } of rows) tally.add(rowHash(seal, key.toString("latin1"), row) ?? "0");
    expect(tally.state()).toEqual({ count: rows.length, sum: answer.sum });
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
  // What the threads have no row for, or another one than most.
  const odd = join(root, "d3");
  symlinkSync("f1", join(odd, "link"));
  spawnSync("mkfifo", [join(odd, "pipe")]);
  spawnSync("setfattr", ["-n", "user.a", "-v", "b", join(odd, "f2")]);
  writeFileSync(join(odd, "large"), randomBytes(30_000));
  writeFileSync(Buffer.concat([Buffer.from(`${odd}/`), Buffer.from([0x66, 0xff])]), "no UTF-8");
  writeFileSync(join(odd, "f3.tmp"), "excluded");
  mkdirSync(join(odd, "out"));
  writeFileSync(join(odd, "out", "f"), "excluded");
  mkdirSync(join(odd, "plain"));
  writeFileSync(join(odd, "plain", "f"), "without a digest");
  utimesSync(join(odd, "f4"), 2_000_000_000, 2_000_000_000);
  const paths = [
    { path: root, exclude: ["**/*.tmp", "d3/out"], digest_max_bytes: 20_000 },
    { path: join(odd, "plain"), digest: "none" },
  ];
  // Nothing of it is young enough to be read twice.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const records = async (readingThreads: number) => {
    const desk = await openWatchDesk(await tempFolder(), { paths }, agentSide(), { readingThreads });
    const rows = desk.baseline.within(bytePath(root));
    const found: string[] = [];
    for (let batch = await rows.next(); batch.length > 0; batch = await rows.next()) {
      for (const { path } of batch) {
        const record = desk.baseline.get(path);
        found.push(
          `${path} ${inspect(record?.extras)} ${inspect(record && encodeStat(record.stat).toString("hex"))}`,
        );
      }
    }
    await rows.close();
    const { missing, missingSum, wrongCount } = await desk.baseline.check(async () => {});
    expect({ missing, missingSum, wrongCount }).toEqual({ missing: 0, missingSum: 0n, wrongCount: 0 });
    await desk.close();
    return found;
  };
  const threadsBefore = readdirSync("/proc/self/task").length;
  const read = await records(2);
  expect(read).toHaveLength(1 + 40 + 1_600 + 4 + 2);
  expect(readdirSync("/proc/self/task").length).toBeLessThan(threadsBefore + 2);
  expect(await records(0)).toEqual(read);
});
