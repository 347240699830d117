/** Saves through a second file, whatever it is looked at in between. */
import { rename, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { tempFolder } from "../../../support/temp-folder.ts";
import { brief, desk } from "../../../support/watched-folder.ts";

describe("a save through a temp file that outlasts the settling time", () => {
  test("is one change of the target, which says where its content came from", async () => {
    const { root, at, watch } = await desk({ c: "old" });
    await writeFile(at(".c.tmp"), "newer");
    watch.hint(at(".c.tmp"));
    expect(brief(await watch.told(), root)).toEqual(["created .c.tmp"]);
    await rename(at(".c.tmp"), at("c"));
    watch.moved(at(".c.tmp"), at("c"));
    const told = await watch.told();
    expect(brief(told, root)).toEqual(["modified c from .c.tmp [digest size mtime ctime ino]"]);
    expect(told[0]).toMatchObject({ before: { size: 3 }, after: { size: 5 } });
    for (const name of [".c.tmp", "c"]) watch.hint(at(name));
    expect(await watch.told()).toEqual([]);
  });

  test("is the same when it happened while nobody watched", async () => {
    const { root, at, watch, open } = await desk({ c: "old", ".c.tmp": "newer" });
    await watch.close();
    await rename(at(".c.tmp"), at("c"));
    const again = await open();
    expect(brief(await again.told(), root)).toEqual(["modified c from .c.tmp [digest size mtime ctime ino]"]);
    await again.close();
    expect(await (await open()).told()).toEqual([]);
  });

  test("of the same content, where only content counts, leaves the going of the temp file to tell", async () => {
    const root = await tempFolder("saved");
    const { at, watch } = await desk(
      { c: "same", tmp: "same" },
      { paths: [{ path: root, attributes: ["digest"] }] },
      { root },
    );
    await rename(at("tmp"), at("c"));
    watch.moved(at("tmp"), at("c"));
    expect(brief(await watch.told(), root)).toEqual(["deleted tmp"]);
    watch.hint(at("c"));
    expect(await watch.told()).toEqual([]);
  });
});

test("a file that was written and moved says that its content is another", async () => {
  const { root, at, watch } = await desk({ a: "1" });
  await writeFile(at("a"), "22");
  await rename(at("a"), at("b"));
  watch.moved(at("a"), at("b"));
  expect(brief(await watch.told(), root)).toEqual(["renamed b from a [digest size mtime]"]);
});
