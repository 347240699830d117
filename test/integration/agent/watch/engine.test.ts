import { chmod, mkdir, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { atEnd } from "../../../support/at-end.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import type { WatchDesk } from "../../../support/watch-desk.ts";
import { brief, desk } from "../../../support/watched-folder.ts";

describe("a hint", () => {
  test("leads to what differs from the baseline, and to nothing when nothing does", async () => {
    const { root, at, watch } = await desk({ a: "1", b: "2", c: "3" });
    await writeFile(at("a"), "other");
    await rm(at("b"));
    await writeFile(at("new"), "");
    for (const name of ["a", "b", "c", "new", "never"]) watch.hint(at(name));
    expect(brief(await watch.told(), root)).toEqual([
      "modified a [digest size mtime ctime]",
      "deleted b",
      "created new",
    ]);
    for (const name of ["a", "b", "c", "new"]) watch.hint(at(name));
    expect(await watch.told()).toEqual([]);
  });

  test("tells of attributes apart from content", async () => {
    const { root, at, watch } = await desk({ a: "1", b: "2" });
    await chmod(at("a"), 0o600);
    await utimes(at("b"), 1, 1);
    watch.hint(at("a"));
    watch.hint(at("b"));
    expect(brief(await watch.told(), root)).toEqual([
      "attributes a [mode ctime]",
      "attributes b [mtime ctime]",
    ]);
  });

  test("finds content of the same size with its time set back", async () => {
    const { root, at, watch } = await desk({ a: "one" });
    await utimes(at("a"), 100, 100);
    watch.hint(at("a"));
    await watch.told();
    await writeFile(at("a"), "two");
    await utimes(at("a"), 100, 100);
    watch.hint(at("a"));
    expect(brief(await watch.told(), root)).toEqual(["modified a [digest ctime]"]);
  });

  test("at a new folder finds all that is in it already", async () => {
    const { root, at, watch } = await desk();
    await mkdir(at("n/a/b"), { recursive: true });
    await writeFile(at("n/a/b/f"), "");
    watch.hint(at("n"));
    expect(brief(await watch.told(), root)).toEqual([
      "created n",
      "created n/a",
      "created n/a/b",
      "created n/a/b/f",
    ]);
  });

  test("at a new folder leaves to somebody else what that one made in it, though it is not quiet yet", async () => {
    const { at, watch } = await desk();
    await mkdir(at("n"));
    await writeFile(at("n/f"), "");
    watch.hint(at("n"), { pid: 1 });
    await waitUntil(
      "the folder to be told",
      () => {
        watch.hint(at("n/f"), { pid: 2 });
        return watch.count() > 0;
      },
      10_000,
      5,
    );
    expect((await watch.told()).map(({ path, actor }) => [path, actor])).toEqual([
      [at("n"), { pid: 1 }],
      [at("n/f"), { pid: 2 }],
    ]);
  });

  test("at a new folder says nothing of who made what is found in it and was not heard of", async () => {
    const { root, at, watch } = await desk();
    await mkdir(at("n"));
    await writeFile(at("n/f"), "");
    watch.hint(at("n"), { pid: 1 });
    const told = await watch.told();
    expect(told.map(({ path, actor }) => [path, actor])).toEqual([
      [at("n"), { pid: 1 }],
      [
        at("n/f"),
        {
          unknown: "its own event was not read: whoever made or changed its folder need not have done this",
        },
      ],
    ]);
    // What moved in as a whole, or went with its folder, is put down to who did that.
    await mkdir(`${root}-aside`);
    atEnd(() => rm(`${root}-aside`, { recursive: true, force: true }));
    await writeFile(join(`${root}-aside`, "g"), "");
    await rename(`${root}-aside`, at("m"));
    watch.hint(at("m"), { pid: 3, deep: true });
    expect((await watch.told()).map(({ path, actor }) => [path, actor])).toEqual([
      [at("m"), { pid: 3 }],
      [at("m/g"), { pid: 3 }],
    ]);
    await rm(at("m"), { recursive: true });
    watch.hint(at("m"), { pid: 4, facts: { created: false, deleted: true, written: false } });
    expect((await watch.told()).map(({ path, actor }) => [path, actor])).toEqual([
      [at("m"), { pid: 4 }],
      [at("m/g"), { pid: 4 }],
    ]);
  });

  test.each([
    ["a file", "a", "n/a", ["created n", "renamed n/a from a"]],
    ["a folder", "d", "n/d", ["created n", "renamed n/d from d with 1"]],
  ])(
    "at a new folder tells of %s that moved into it as of a move, though that is not quiet yet",
    async (...of) => {
      const [, from, to, lines] = of;
      const { root, at, watch } = await desk({ a: "1", "d/x": "2" });
      await mkdir(at("n"));
      await rename(at(from), at(to));
      watch.hint(at("n"), { pid: 1 });
      await waitUntil(
        "the folder to be told",
        () => {
          watch.moved(at(from), at(to));
          return watch.count() > 0;
        },
        10_000,
        5,
      );
      const told = brief(await watch.told(), root).map((line) => line.replace(/ \[.*\]$/, ""));
      expect(told.toSorted()).toEqual(lines);
    },
  );

  test("at a folder that went tells of all that was in it", async () => {
    const { root, at, watch } = await desk({ "d/x": "1", "d/e/y": "2" });
    await rm(at("d"), { recursive: true });
    watch.hint(at("d"));
    expect(brief(await watch.told(), root)).toEqual([
      "deleted d",
      "deleted d/e",
      "deleted d/e/y",
      "deleted d/x",
    ]);
  });

  test("at a symbolic link, and at a file that became one", async () => {
    const { root, at, watch } = await desk({ a: "1" });
    await symlink("a", at("l"));
    watch.hint(at("l"));
    const [link] = await watch.told();
    expect(link).toMatchObject({ status: "created", kind: "symlink", after: { target: "a" } });
    await rm(at("a"));
    await symlink("/nowhere", at("a"));
    watch.hint(at("a"));
    expect(brief(await watch.told(), root)).toEqual([
      expect.stringMatching(/^modified a \[kind .*target\]$/),
    ]);
  });
});

describe("a move", () => {
  test("of a file is one change with both names", async () => {
    const { root, at, watch } = await desk({ a: "1" });
    await rename(at("a"), at("b"));
    watch.moved(at("a"), at("b"));
    expect(brief(await watch.told(), root)).toEqual(["renamed b from a"]);
  });

  test("of a folder is one change that counts what moved along; what differs besides is told by itself", async () => {
    const { root, at, watch } = await desk({ "d/1": "1", "d/2": "2", "d/e/3": "3", "d!": "beside" });
    await rename(at("d"), at("m"));
    await writeFile(at("m/2"), "changed");
    watch.moved(at("d"), at("m"));
    const told = brief(await watch.told(), root);
    expect(told[0]).toBe("renamed m from d with 4");
    expect(told.slice(1)).toEqual(["modified m/2 [digest size mtime ctime]"]);
    await writeFile(at("m/e/3"), "later");
    watch.hint(at("m/e/3"));
    expect(brief(await watch.told(), root)).toEqual(["modified m/e/3 [digest size mtime ctime]"]);
  });

  test("onto another file, as editors save, is a change of that file", async () => {
    const { root, at, watch } = await desk({ c: "old" });
    await writeFile(at(".c.tmp"), "newer");
    await rename(at(".c.tmp"), at("c"));
    watch.moved(at(".c.tmp"), at("c"));
    expect(brief(await watch.told(), root)).toEqual(["modified c [digest size mtime ctime ino]"]);
  });

  test("is not made up where a new file only got an old inode's number", async () => {
    const { root, at, watch } = await desk({ a: "same" });
    await rm(at("a"));
    await writeFile(at("b"), "same");
    watch.hint(at("a"));
    watch.hint(at("b"));
    expect(brief(await watch.told(), root)).toEqual(["deleted a", "created b"]);
  });
});

describe("what is selected", () => {
  test("decides by globs, depth and the nearest entry", async () => {
    const root = await tempFolder("selected");
    const { watch, at } = await desk(
      {},
      {
        paths: [
          { path: root, exclude: ["*.log", "cache/"], depth: 2 },
          { path: join(root, "deep/er/still"), include: ["*.conf"] },
        ],
      },
    );
    void at;
    await mkdir(join(root, "cache/x"), { recursive: true });
    await mkdir(join(root, "deep/er/still/more"), { recursive: true });
    for (const name of [
      "a",
      "a.log",
      "cache/x/y",
      "deep/b",
      "deep/er/c",
      "deep/er/still/d",
      "deep/er/still/more/e.conf",
    ])
      await writeFile(join(root, name), "");
    watch.hint(root, { deep: true });
    expect(brief(await watch.told(), root)).toEqual([
      "created a",
      "created deep",
      "created deep/b",
      "created deep/er",
      "created deep/er/still",
      "created deep/er/still/more/e.conf",
    ]);
  });
});

describe("a path that came and went", () => {
  test("is told where that is asked for, by name or, when they are many, by a count of the folder", async () => {
    const root = await tempFolder("transients");
    const { watch } = await desk({}, { paths: [{ path: root, transients: true }] });
    const facts = { created: true, deleted: true, written: false };
    for (let n = 0; n < 250; n++) watch.hint(join(root, `x${n}`), { facts });
    const told = await watch.told();
    const named = told.filter(({ status, kind }) => status === "transient" && kind === "other");
    const counted = told.filter(({ kind }) => kind === "directory");
    expect(named).toHaveLength(100);
    expect(counted.reduce((sum, { count }) => sum + Number(count), 0)).toBe(150);
  });

  test("waits like everything else when it cannot be told, and only so many do", async () => {
    const root = await tempFolder("transients");
    const { watch, agent } = await desk({}, { paths: [{ path: root, transients: true }] });
    let release = () => {};
    agent.gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    atEnd(() => release());
    const facts = { created: true, deleted: true, written: false };
    for (let n = 0; n < 3_000; n++) watch.hint(join(root, `d${n % 50}`, `x${n}`), { facts });
    await waitUntil("some are told", () => agent.told.length > 0);
    // All that could be told without an answer has been: the next ones wait for it.
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(agent.told.length).toBeLessThanOrEqual(512);
    release();
    const told = await watch.told();
    const count = told.reduce((sum, one) => sum + Number(one.count ?? 0), 0);
    expect(count).toBe(3_000);
    expect(watch.engine.figures().transient).toBe(3_000);
  });
});

describe("a restart", () => {
  test("tells what happened meanwhile, with the window, and once", async () => {
    const { root, at, watch, open } = await desk({ a: "1", b: "2", "d/c": "3" });
    await watch.close();
    await truncate(at("a"), 0);
    await rename(at("b"), at("d/b"));
    const again = await open();
    const told = await again.told();
    expect(brief(told, root)).toEqual(["renamed d/b from b", expect.stringMatching(/^modified a/)]);
    expect(told[1]).toMatchObject({
      offline: true,
      detected_by: "reconcile",
      window: { since: expect.any(String), until: expect.any(String) },
    });
    await again.close();
    expect(await (await open()).told()).toEqual([]);
  });

  test.each([
    {
      what: "a change that was undone meanwhile",
      act: async (at: (name: string) => string) => writeFile(at("a"), "22"),
      meanwhile: async (at: (name: string) => string) => writeFile(at("a"), "1"),
      hint: (watch: WatchDesk, at: (name: string) => string) => watch.hint(at("a")),
      told: [/^modified a /, /^modified a /],
    },
    {
      what: "a folder that moved",
      act: async (at: (name: string) => string) => rename(at("d"), at("e")),
      meanwhile: async (at: (name: string) => string) => rm(at("e/x")),
      hint: (watch: WatchDesk, at: (name: string) => string) => watch.moved(at("d"), at("e")),
      told: [/^renamed e from d with 2$/, /^deleted e\/x$/],
    },
  ])(
    "between acceptance and baseline neither repeats nor loses $what",
    async ({ act, meanwhile, hint, told }) => {
      const { root, at, watch, agent, open } = await desk({ a: "1", "d/x": "1", "d/y": "2" });
      let release = () => {};
      agent.gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      atEnd(() => release());
      await act(at);
      hint(watch, at);
      await waitUntil("the change is told", () => agent.told.length > 0);
      // The process dies here: the baseline never hears that it was accepted.
      await watch.baseline.close();
      agent.gate = Promise.resolve();
      await meanwhile(at);
      await open();
      const all = brief(
        agent.told.map(({ payload }) => payload),
        root,
      );
      expect(all).toEqual(told.map((line) => expect.stringMatching(line)));
    },
  );
});

describe("a sweep", () => {
  test("does not tell again what was told while it walked, not even a move", async () => {
    // Two batches of a walk.
    const many = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`a/${n}`, ""]));
    const files = { ...many, "m/x": "1", "n/y": "2", "o/z/1": "3" };
    const { root, at, watch } = await desk(files, { burst_per_second: 10_000 });
    let told: readonly string[] | null = null;
    await watch.engine.sweep(false, async () => {
      if (told !== null) return;
      await rename(at("m/x"), at("n/x"));
      await rename(at("o/z"), at("p"));
      watch.moved(at("m/x"), at("n/x"));
      watch.moved(at("o/z"), at("p"));
      told = brief(await watch.told(), root).toSorted();
    });
    expect(told).toEqual(["renamed n/x from m/x", "renamed p from o/z with 1"]);
    expect(brief(await watch.told(), root)).toEqual([]);
  });
});
