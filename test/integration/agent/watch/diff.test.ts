/** Lines that changed in text files, by the engine and the sensor on real files. */
import { chmod, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Versions } from "../../../../agent/watch/diff/versions-fs.ts";
import { fileWatch } from "../../../support/file-watch.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { agentSide } from "../../../support/watch-desk.ts";
import { desk } from "../../../support/watched-folder.ts";

async function diffDesk(files: Readonly<Record<string, string>>, settings: object = {}) {
  const root = await tempFolder("watched");
  const paths = [{ path: root, diff: true, ...settings }];
  return desk(files, { paths }, { root });
}

describe("a change of a text file", () => {
  test("tells its lines, again and again, and how it came and went", async () => {
    const { at, watch, state } = await diffDesk({ a: "one\ntwo\n" });
    const next = async (change: () => Promise<unknown>) => {
      await change();
      watch.hint(at("a"));
      const [told] = await watch.told();
      return told;
    };
    const head = `--- ${at("a")}\n+++ ${at("a")}\n`;
    expect(await next(() => writeFile(at("a"), "one\n2\n"))).toMatchObject({
      status: "modified",
      diff: { text: `${head}@@ -1,2 +1,2 @@\n one\n-two\n+2\n`, truncated: false, masked: false },
    });
    expect(await next(() => writeFile(at("a"), "1\n2\n"))).toMatchObject({
      diff: { text: `${head}@@ -1,2 +1,2 @@\n-one\n+1\n 2\n` },
    });
    const touched = await next(() => chmod(at("a"), 0o600));
    expect(touched).toMatchObject({ status: "attributes" });
    expect(touched).not.toHaveProperty("diff");
    expect(touched).not.toHaveProperty("diff_missing");
    expect(await next(() => rm(at("a")))).toMatchObject({
      status: "deleted",
      diff: { text: `--- ${at("a")}\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n` },
    });
    expect(await next(() => writeFile(at("a"), "new\n"))).toMatchObject({
      status: "created",
      diff: { text: `--- /dev/null\n+++ ${at("a")}\n@@ -0,0 +1 @@\n+new\n` },
    });
    const kept = await readdir(join(state, "versions"));
    expect(kept).toHaveLength(4);
    for (const name of kept) expect((await stat(join(state, "versions", name))).mode & 0o777).toBe(0o600);
  });

  test("that was saved by way of another file is a change of the one", async () => {
    const { at, watch } = await diffDesk({ a: "one\n" });
    await writeFile(at("a.tmp"), "two\n");
    await rename(at("a.tmp"), at("a"));
    watch.moved(at("a.tmp"), at("a"));
    expect(await watch.told()).toMatchObject([
      { status: "modified", diff: { text: `--- ${at("a")}\n+++ ${at("a")}\n@@ -1 +1 @@\n-one\n+two\n` } },
    ]);
  });

  test("hides secrets, unless that is not wanted", async () => {
    for (const [diff_mask, expected, masked] of [
      [true, "-password=********\n+password=********\n", true],
      [false, "-password=one\n+password=two\n", false],
    ] as const) {
      const { at, watch } = await diffDesk({ a: "password=one\n" }, { diff_mask });
      await writeFile(at("a"), "password=two\n");
      watch.hint(at("a"));
      const [told] = await watch.told();
      expect(told).toMatchObject({ diff: { text: expect.stringContaining(expected), masked } });
    }
  });

  test("that is too long to be told is cut at a line", async () => {
    const { at, watch } = await diffDesk({ a: "" });
    await writeFile(at("a"), `${"x".repeat(79)}\n`.repeat(2_000));
    watch.hint(at("a"));
    const [told] = await watch.told();
    expect(told).toMatchObject({ diff: { text: expect.any(String), truncated: true } });
    const { text } = (told?.diff ?? {}) as { readonly text: string };
    expect(text.length).toBeLessThanOrEqual(64 * 1024);
    expect(text).toMatch(/\+x{79}\n$/);
  });
});

describe("why there are no lines is said", () => {
  const cases = [
    ["of a binary file", { a: "text\n" }, {}, "\0\x01", "binary"],
    ["of a large file", { a: "text\n" }, { diff_max_bytes: 10 }, "more than ten\n", "too-large"],
    [
      "of a file that was large",
      { a: "more than ten\n" },
      { diff_max_bytes: 10 },
      "text\n",
      "no-earlier-version",
    ],
    ["without digests", { a: "text\n" }, { digest: "none" }, "other\n", "no-digest"],
  ] as const;
  test.each(cases)("%s", async (_what, files, settings, content, reason) => {
    const { at, watch } = await diffDesk(files, settings);
    await writeFile(at("a"), content);
    watch.hint(at("a"));
    const [told] = await watch.told();
    expect(told).toMatchObject({ status: "modified", diff_missing: reason });
    expect(told).not.toHaveProperty("diff");
  });
});

test("the lines of what was watched before diff was set are told, too", async () => {
  const [root, folder] = [await tempFolder("watched"), await tempFolder("agent")];
  const agent = agentSide();
  await writeFile(join(root, "a"), "one\n");
  const before = fileWatch(folder, { paths: [{ path: root }] }, agent);
  await before.sensor.setup();
  await before.close();
  const { sensor, close } = fileWatch(folder, { paths: [{ path: root, diff: true }] }, agent);
  await sensor.setup();
  const versions = join(folder, "sensors/watch/versions");
  await waitUntil("what is there is kept", async () =>
    (await readdir(versions)).some((name) => name.length === 64),
  );
  await writeFile(join(root, "a"), "two\n");
  await waitUntil("it is told", () => agent.told.length === 1);
  expect(agent.told[0]?.payload).toMatchObject({ diff: { text: expect.stringContaining("-one\n+two\n") } });
  await close();
});

describe("contents that are kept", () => {
  const digest = (digit: string) => digit.repeat(64);
  const text = "0123456789";
  const digestOfText = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

  test("let go of the oldest, also after a restart, and of writes that were not ended", async () => {
    const folder = await tempFolder("versions");
    const limits = { bytes: 25, count: 10 };
    const versions = await Versions.open(folder, limits);
    for (const digit of ["1", "2", "3"]) await versions.keep(digest(digit), Buffer.from(text));
    expect([versions.has(digest("1")), versions.has(digest("2")), versions.has(digest("3"))]).toEqual([
      false,
      true,
      true,
    ]);
    expect([versions.hasRoomFor(5), versions.hasRoomFor(6)]).toEqual([true, false]);
    await versions.keep(digest("4"), Buffer.alloc(26));
    await writeFile(join(folder, `${digest("5")}.new`), "");
    const again = await Versions.open(folder, { bytes: 25, count: 1 });
    expect(await readdir(folder)).toEqual([digest("3")]);
    expect(again.has(digest("2"))).toBe(false);
  });

  test("let go first of what was replaced, also after a restart", async () => {
    const folder = await tempFolder("versions");
    const versions = await Versions.open(folder, { bytes: 100, count: 4 });
    for (const digit of ["1", "2", "3", "4"]) await versions.keep(digest(digit), Buffer.from(digit));
    await versions.replaced(digest("3"));
    await versions.replaced(digest("4"));
    await versions.keep(digest("5"), Buffer.from("5"));
    expect(versions.has(digest("3"))).toBe(false);
    const again = await Versions.open(folder, { bytes: 100, count: 3 });
    expect(["1", "2", "4", "5"].filter((digit) => again.has(digest(digit)))).toEqual(["1", "2", "5"]);
  });

  test("are given back only as they were", async () => {
    const folder = await tempFolder("versions");
    const versions = await Versions.open(folder, { bytes: 100, count: 10 });
    await versions.keep(digestOfText, Buffer.from(text));
    expect((await versions.get(digestOfText))?.toString()).toBe(text);
    await writeFile(join(folder, digestOfText), "something else");
    expect(await versions.get(digestOfText)).toBeNull();
    expect(versions.has(digestOfText)).toBe(false);
    expect(await readdir(folder)).toEqual([]);
  });
});
