/** What must hold of watching whatever happens, one test or more for each; kill -9 has its own in test/fault. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { noFacts } from "../../../../agent/watch/dirty-set.ts";
import { Inotify } from "../../../../agent/watch/kernel/inotify-fs.ts";
import { type Libc, loadLibc, SystemCallError } from "../../../../agent/watch/kernel/libc-fs.ts";
import { mergeJoin } from "../../../../agent/watch/merge-join.ts";
import type { BlindCause, Hint } from "../../../../agent/watch/observer.ts";
import { systemTimers } from "../../../../shared/system-process.ts";
import { bytePath, pathBuffer } from "../../../../shared/watch/paths.ts";
import { atEnd } from "../../../support/at-end.ts";
import { fileWatch } from "../../../support/file-watch.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { agentSide } from "../../../support/watch-desk.ts";
import { brief, desk } from "../../../support/watched-folder.ts";

describe("1: marks are set before the baseline is built", () => {
  test("what changes during the first look, behind it, is told", async () => {
    const root = await tempFolder("watched");
    for (let n = 10_000; n < 18_000; n++) writeFileSync(join(root, `f${n}`), `${n}`);
    const agent = agentSide();
    const agentFolder = await tempFolder("agent");
    const { sensor } = fileWatch(agentFolder, { paths: [{ path: root }] }, agent);
    let isSetUp = false;
    const setUp = sensor.setup().then(() => {
      isSetUp = true;
    });
    // The first records are those of the first files.
    const baseline = join(agentFolder, "sensors/watch/baseline");
    while (bytesIn(baseline) < 10_000) await turn();
    writeFileSync(join(root, "f10000"), "other");
    expect(isSetUp, "the first look goes on").toBe(false);
    await setUp;
    await waitUntil("the change is told", () => agent.told.length > 0);
    expect(agent.told.map(({ trigger, payload }) => [trigger, payload.status, payload.path])).toEqual([
      ["watch.file_changed", "modified", join(root, "f10000")],
    ]);
  });
});

function bytesIn(folder: string): number {
  if (!existsSync(folder)) return 0;
  const sizeOf = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  return readdirSync(folder).reduce((sum, name) => sum + sizeOf(name), 0);
}

describe("2: nothing is believed that changed under the reading", () => {
  test("a digest belongs to the attributes beside it, or the path stays dirty", async () => {
    let writes = 0;
    const { at, watch } = await desk(
      { a: "0" },
      {},
      {
        readXattrs: (path) => {
          if (writes > 0 && writes < 4) writeFileSync(pathBuffer(path), "x".repeat(10 ** writes++));
          return null;
        },
      },
    );
    writes = 1;
    writeFileSync(at("a"), "first");
    watch.hint(at("a"));
    const told = await watch.told();
    const sum = execFileSync("sha256sum", [at("a")])
      .toString()
      .slice(0, 64);
    expect(told).toMatchObject([{ after: { size: 1_000, digest: `sha256:${sum}` } }]);
  });
});

describe("3: the baseline is written only after the report is accepted", () => {
  test("and holds the state before it until then", async () => {
    const { at, watch, agent } = await desk({ a: "1" });
    let release = () => {};
    agent.gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    atEnd(() => release());
    await writeFile(at("a"), "22");
    await writeFile(at("b"), "");
    // Heard at once: the second one is not due after the first has begun to wait.
    const heard = ["a", "b"].map((name) => ({
      path: bytePath(at(name)),
      deep: false,
      facts: noFacts,
      pid: 0,
    }));
    watch.engine.hints(heard);
    await waitUntil("both are told", () => agent.told.length === 2);
    for (let turns = 0; turns < 100; turns++) await turn();
    const known = (name: string) => watch.baseline.get(bytePath(at(name)));
    expect([known("a")?.stat.size, known("b")]).toEqual([1n, null]);
    release();
    await watch.told();
    expect([known("a")?.stat.size, known("b")?.stat.size]).toEqual([2n, 0n]);
  });
});

describe("4: whatever makes it blind is told, and everything is looked at again", () => {
  test.each<BlindCause>(["overflow", "watch-limit", "read-error", "mount-changed", "link-changed"])(
    "%s",
    async (cause) => {
      const { root, at, watch } = await desk({ a: "1", "d/b": "2" });
      await writeFile(at("a"), "changed");
      await rename(at("d/b"), at("d/c"));
      watch.engine.blind(cause, "/", "as the kernel says");
      const [gap, ...told] = await watch.told();
      expect(gap).toMatchObject({ trigger: "watch.gap", cause, path: "/", detail: "as the kernel says" });
      expect(brief(told, root)).toEqual(["renamed d/c from d/b", "modified a [digest size mtime ctime]"]);
      expect(told.map(({ detected_by }) => detected_by)).toEqual(["reconcile", "reconcile"]);
      expect(watch.engine.figures().gaps).toBe(1);
    },
  );

  /** inotify over a folder, with the kernel's answers as the test wants them. */
  async function inotify(over: (libc: Libc) => Partial<Libc>) {
    const root = await tempFolder("inotify");
    mkdirSync(join(root, "d"));
    const libc = loadLibc();
    const blind: string[] = [];
    const hints: Hint[] = [];
    const observer = new Inotify({
      libc: { ...libc, ...over(libc) },
      tree: { roots: [root], isFollowed: () => false, mayEnter: () => true },
      listener: {
        hints: (batch) => void hints.push(...batch),
        blind: (cause, path) => void blind.push(`${cause} ${path}`),
      },
      timers: systemTimers,
    });
    atEnd(() => observer.stop());
    await observer.add(root);
    return { root, observer, blind, hints };
  }

  test("no watch left (ENOSPC): once, and the folder is known to be unwatched", async () => {
    let left = 1;
    const { root, observer, blind } = await inotify((libc) => ({
      inotifyAddWatch: (fd, path, mask) => {
        if (left-- <= 0) throw new SystemCallError("inotify_add_watch", 28, "ENOSPC");
        return libc.inotifyAddWatch(fd, path, mask);
      },
    }));
    await turn();
    expect(blind).toEqual([`watch-limit ${root}/d`]);
    expect(observer.unwatchedWithin(root)).toEqual([join(root, "d")]);
  });

  test("an event of a watch that nobody knows", async () => {
    // The kernel's numbers are not those that are remembered.
    const { root, blind } = await inotify((libc) => ({
      inotifyAddWatch: (fd, path, mask) => libc.inotifyAddWatch(fd, path, mask) + 1_000,
    }));
    await writeFile(join(root, "a"), "");
    await waitUntil("it is told", () => blind.length > 0);
    expect(new Set(blind)).toEqual(new Set(["read-error /"]));
  });

  test("but not events of a folder that has just been taken out of what is watched", async () => {
    const { root, blind, hints } = await inotify(() => ({}));
    const outside = await tempFolder("outside");
    for (let n = 0; n < 50; n++) writeFileSync(join(root, "d", `${n}`), "");
    await rename(join(root, "d"), join(outside, "d"));
    for (let n = 0; n < 50; n++) writeFileSync(join(outside, "d", `${n}`), "more");
    await writeFile(join(root, "last"), "");
    await waitUntil("all is read", () => hints.some(({ path }) => path === join(root, "last")));
    expect(blind).toEqual([]);
  });

  test("after an overflow folders that came meanwhile are under watch before everything is looked at", async () => {
    const { root, blind, hints } = await inotify(() => ({}));
    mkdirSync(join(root, "busy"));
    await waitUntil("the folder is seen", () => hints.some(({ path }) => path === join(root, "busy")));
    // Nothing is read while this runs, and the queue takes 16,384 events.
    for (let n = 0; n < 9_000; n++) writeFileSync(join(root, "busy", `${n}`), "x");
    mkdirSync(join(root, "unheard/of"), { recursive: true });
    await waitUntil("the overflow is told", () => blind.length > 0);
    expect(blind).toEqual(["overflow /"]);
    hints.length = 0;
    await writeFile(join(root, "unheard/of/x"), "");
    await waitUntil("it is watched", () => hints.some(({ path }) => path === join(root, "unheard/of/x")));
  });
});

describe("5: kept and reported paths are bytes", () => {
  test("of names that are no UTF-8, or hold line breaks", async () => {
    const { root, at, watch, open } = await desk();
    const names = [Buffer.from([0x62, 0xff, 0xfe]), Buffer.from("a\nb\r\t"), Buffer.from("ü€😀")];
    const bytes = (name: Buffer) => Buffer.concat([Buffer.from(`${root}/`), name]);
    for (const name of names) await writeFile(bytes(name), "1");
    watch.hint(root, { deep: true });
    const told = await watch.told();
    expect(told.map(({ path, path_base64 }) => [path, path_base64 ?? null])).toEqual([
      [at("a\nb\r\t"), null],
      [at("b\\xff\\xfe"), bytes(names[0] as Buffer).toString("base64")],
      [at("ü€😀"), null],
    ]);
    for (const name of names) {
      expect(watch.baseline.get(bytes(name).toString("latin1"))?.stat.size).toBe(1n);
    }
    await watch.close();
    const again = await open();
    expect(await again.told()).toEqual([]);
    const moved = Buffer.from([0x63, 0xc3]);
    await rename(bytes(names[0] as Buffer), bytes(moved));
    again.hint(root, { deep: true });
    expect(await again.told()).toMatchObject([
      {
        status: "renamed",
        old_path_base64: bytes(names[0] as Buffer).toString("base64"),
        path_base64: bytes(moved).toString("base64"),
      },
    ]);
  });
});

describe("6: memory does not grow with the number of files", () => {
  test("of a million equal paths no more is held than one batch of each side", async () => {
    const size = 500;
    const state = { left: 0, right: 0, handed: 0 };
    const side = (name: "left" | "right") => ({
      next: async () => {
        if (state[name] >= 1_000_000) return [];
        const from = state[name];
        state[name] += size;
        // The other side is never more than a batch behind: nothing is read ahead.
        expect(Math.abs(state.left - state.right)).toBeLessThanOrEqual(size);
        return Array.from({ length: size }, (_, n) => ({ key: String(from + n).padStart(7, "0") }));
      },
    });
    await mergeJoin({
      left: side("left"),
      right: side("right"),
      batch: 100,
      // Every thousandth differs.
      isSame: ({ key }) => !key.endsWith("000"),
      unlike: async (pairs) => {
        expect(pairs.length).toBeLessThanOrEqual(100);
        state.handed += pairs.length;
      },
    });
    expect(state).toEqual({ left: 1_000_000, right: 1_000_000, handed: 1_000 });
  });
});

describe("8: it ends at once, with readers armed", () => {
  test.each(["while a large file is read", "while the agent takes nothing"])("%s", async (when) => {
    const root = await tempFolder("watched");
    const agent = agentSide();
    const watch = fileWatch(await tempFolder("agent"), { paths: [{ path: root }] }, agent);
    await watch.sensor.setup();
    if (when.endsWith("read")) {
      closeSync(openSync(join(root, "huge"), "w"));
      truncateSync(join(root, "huge"), 1024 ** 3);
      await waitUntil("it is being read", () => isOpen(join(root, "huge")));
    } else {
      // For ever.
      agent.gate = new Promise(() => {});
      await writeFile(join(root, "a"), "");
      await waitUntil("it is told", () => agent.told.length > 0);
    }
    await watch.close();
    agent.gate = Promise.resolve();
    const told = agent.told.length;
    await turn();
    expect(agent.told).toHaveLength(told);
  });

  /** By this process. */
  function isOpen(path: string): boolean {
    return readdirSync("/proc/self/fd").some((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === path;
      } catch {
        // Closed meanwhile, as the one that lists them is.
        return false;
      }
    });
  }
});

describe("9: what the agent itself writes is not watched", () => {
  test.each([
    { way: "by its path", roots: "real", agents: "real" },
    { way: "where the watched path leads through a link", roots: "link", agents: "real" },
    { way: "where its own path leads through a link", roots: "real", agents: "link" },
    { way: "where a link is followed", roots: "real", agents: "real", followed: "followed" },
  ])("$way", async ({ roots, agents, followed }) => {
    const place = await tempFolder("all");
    mkdirSync(join(place, "real/all/agent"), { recursive: true });
    symlinkSync("real", join(place, "link"));
    if (followed !== undefined) symlinkSync("real/all", join(place, followed));
    const root = followed === undefined ? join(place, roots, "all") : join(place, followed);
    const agentFolder = join(place, agents, "all/agent");
    const agent = agentSide();
    const watch = fileWatch(agentFolder, { paths: [{ path: root, symlinks: "follow" }] }, agent);
    await watch.sensor.setup();
    await writeFile(join(root, "seen"), "");
    await waitUntil("it is told", () => agent.told.length > 0);
    await writeFile(join(agentFolder, "outbox"), "grows");
    await writeFile(join(root, "later"), "");
    await waitUntil("it is told, too", () => agent.told.length > 1);
    expect(agent.told.map(({ payload }) => payload.path)).toEqual([join(root, "seen"), join(root, "later")]);
  });
});
