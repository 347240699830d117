/** Paths that one look is not enough for. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  lstatSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { digestOf, lookStat } from "../../../../agent/watch/look-fs.ts";
import { systemClock } from "../../../../shared/system-process.ts";
import { bytePath } from "../../../../shared/watch/paths.ts";
import { atEnd } from "../../../support/at-end.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { brief, desk } from "../../../support/watched-folder.ts";

describe("a file that changes under the reading", () => {
  test("is looked at again, and who touched it is still known", async () => {
    let reads = 0;
    let isArmed = false;
    const { root, at, watch } = await desk(
      { a: "1" },
      {},
      {
        readXattrs: () => {
          if (isArmed && reads++ === 0) writeFileSync(at("a"), "333");
          return null;
        },
      },
    );
    isArmed = true;
    writeFileSync(at("a"), "22");
    watch.hint(at("a"), { pid: 77, facts: { created: false, deleted: false, written: true } });
    const told = await watch.told();
    expect(brief(told, root)).toEqual(["modified a [digest size mtime ctime]"]);
    expect(told[0]).toMatchObject({ after: { size: 3 }, actor: { pid: 77 }, detected_by: "event" });
    expect(reads).toBe(2);
  });

  test("at the first look is taken as it is at the second", async () => {
    let reads = 0;
    const { watch, agent, at } = await desk(
      { a: "1" },
      {},
      {
        readXattrs: (path) => {
          if (path.endsWith("/a") && reads++ === 0) writeFileSync(path, "22");
          return null;
        },
      },
    );
    expect([agent.told, watch.baseline.get(bytePath(at("a")))?.stat.size]).toEqual([[], 2n]);
  });

  test("without an end is told without a digest, and with one when it has come to rest", async () => {
    let writes = 0;
    const { root, at, watch } = await desk(
      { log: "1" },
      {},
      {
        readXattrs: () => {
          if (writes > 0) writeFileSync(at("log"), "x".repeat(++writes));
          return null;
        },
      },
    );
    writes = 1;
    writeFileSync(at("log"), "xx");
    watch.hint(at("log"));
    await waitUntil("it is told although it never rests", () => watch.count() > 0);
    writes = 0;
    const told = await watch.told();
    expect(told[0]).toMatchObject({ status: "modified", after: { digest_missing: "changing" } });
    expect(told.at(-1)).toMatchObject({ status: "modified", after: { digest: expect.any(String) } });
    expect(brief(told, root)[0]).toMatch(/^modified log /);
  });
});

describe("a file that was changed within the tick of the clock that it was looked at", () => {
  test("is not believed by its times alone, not even after a restart", async () => {
    const root = await tempFolder("racy");
    writeFileSync(join(root, "a"), "one");
    const tick = Number(lstatSync(join(root, "a"), { bigint: true }).ctimeNs / 1_000_000n);
    let reads = 0;
    const { at, watch, open } = await desk(
      {},
      {},
      {
        root,
        clock: { ...systemClock, now: () => (reads === 0 ? tick : systemClock.now() + 60_000) },
        readXattrs: (path) => {
          if (path.endsWith("/a")) reads++;
          return null;
        },
      },
    );
    expect(reads).toBe(2);
    const path = bytePath(at("a"));
    const record = watch.baseline.get(path);
    if (record === null) throw new Error("no record");
    expect(record.isRacy).toBeUndefined();
    // Content of another digest, and lstat(2) says the same: as it is when both were written in one tick.
    const believed = { ...record, extras: { digest: "0".repeat(64) } };
    await watch.baseline.write([{ path, record: { ...believed, isRacy: true } }], { sync: false });
    await watch.close();
    const again = await open({});
    expect(brief(await again.told(), root)).toEqual(["modified a [digest]"]);
    await again.baseline.write([{ path, record: believed }], { sync: false });
    again.hint(at("a"));
    expect(brief(await again.told(), root)).toEqual([]);
  });

  test("is found on a file system that keeps coarse times", async ({ skip }) => {
    const root = await tempFolder("coarse");
    try {
      execFileSync("mount", ["-t", "ramfs", "ramfs", root], { stdio: "pipe" });
    } catch (error) {
      console.warn(`skipped: a ramfs cannot be mounted here: ${String(error)}`);
      return skip();
    }
    atEnd(() => execFileSync("umount", [root]));
    const { at, watch, agent } = await desk({ a: "000" }, { settle_ms: 0, settle_most_ms: 10 }, { root });
    let isHit = false;
    for (let round = 1; round <= 200 && !isHit; round++) {
      const [first, second] = [String(1_000 + round), String(2_000 + round)];
      agent.onTold = ({ after }) => {
        const file = lstatSync(at("a"), { bigint: true });
        writeFileSync(at("a"), second);
        const later = lstatSync(at("a"), { bigint: true });
        isHit = file.ctimeNs === later.ctimeNs && (after as { size: number }).size === 4;
        agent.onTold = () => {};
      };
      writeFileSync(at("a"), first);
      watch.hint(at("a"));
      await waitUntil("the first look is told", () => watch.count() > 0);
      watch.hint(at("a"));
      const told = await watch.told();
      expect(told.length, `round ${round}`).toBe(2);
    }
    expect(isHit, "two writes within one tick").toBe(true);
  });
});

describe("a large file", () => {
  /** Sparse: costs no disk. */
  const sparse = (path: string, bytes: number) => {
    closeSync(openSync(path, "w"));
    truncateSync(path, bytes);
  };

  test("holds up nothing that is told beside it", async () => {
    const { root, at, watch } = await desk();
    sparse(at("a-large"), 64 * 1024 * 1024);
    writeFileSync(at("b"), "small");
    watch.hint(at("a-large"), { pid: 5 });
    watch.hint(at("b"));
    const told = await watch.told();
    expect(brief(told, root)).toEqual(["created b", "created a-large"]);
    expect(told[1]).toMatchObject({ actor: { pid: 5 }, after: { digest: expect.any(String) } });
  });

  test("that moved is one change", async () => {
    const { root, at, watch } = await desk();
    sparse(at("large"), 9 * 1024 * 1024);
    await mkdir(at("d"));
    watch.hint(at("large"));
    watch.hint(at("d"));
    await watch.told();
    await rename(at("large"), at("d/large"));
    watch.moved(at("large"), at("d/large"));
    expect(brief(await watch.told(), root)).toEqual(["renamed d/large from large"]);
  });

  test("is read by a sweep, while what happens beside it is told", async () => {
    const { root, at, watch } = await desk({ b: "1" });
    sparse(at("a-large"), 64 * 1024 * 1024);
    watch.hint(at("a-large"));
    await watch.told();
    const descriptor = openSync(at("a-large"), "r+");
    writeSync(descriptor, "x", 1_000);
    closeSync(descriptor);
    writeFileSync(at("c"), "");
    const order: unknown[] = [];
    const found = await watch.engine.sweep(false, async () => {
      watch.hint(at("c"));
    });
    for (const one of await watch.told()) order.push(one);
    expect(brief(order as never, root)).toContain("modified a-large [digest mtime ctime]");
    expect(order.at(-1)).toMatchObject({ detected_by: "sweep" });
    expect(found).toBeGreaterThan(0);
  });

  test("that is written meanwhile is not read to its end in vain", async () => {
    const file = join(await tempFolder("busy"), "large");
    sparse(file, 1024 ** 3);
    const outcome = lookStat(file);
    if (!("found" in outcome) || outcome.found === null) throw new Error("no file");
    const before = bytesRead();
    const reading = digestOf(bytePath(file), outcome.found);
    const descriptor = openSync(file, "r+");
    writeSync(descriptor, "x");
    closeSync(descriptor);
    expect(await reading).toBe("changed");
    expect(bytesRead() - before).toBeLessThan(512 * 1024 ** 2);
  });

  /** By this process, so far. */
  function bytesRead(): number {
    return Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
  }

  test("keeps nobody waiting who ends", async () => {
    const { at, watch, agent, open } = await desk({}, {});
    sparse(at("huge"), 1024 * 1024 * 1024);
    watch.hint(at("huge"));
    await waitUntil("it is being read", () => watch.engine.figures().dirty === 0);
    await watch.close();
    expect(agent.told).toEqual([]);
    await rm(at("huge"));
    await (await open()).close();
  });
});
