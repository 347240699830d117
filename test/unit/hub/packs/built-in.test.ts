/** The packs that belong to the program are checked here, and no more when a hub starts. */
import { describe, expect, test } from "vitest";
import { builtIn } from "../../../../hub/packs/built-in.ts";
import { readBuiltInPacks } from "../../../../hub/packs/built-in-fs.ts";
import { parsePack } from "../../../../shared/packs/parse-pack.ts";

const packs = await readBuiltInPacks();

describe("the built-in pack", () => {
  test.each(builtIn.map(({ name }) => name))("%s has no mistakes, and is the same unchecked", (name) => {
    const files = packs.find(({ pack }) => pack.name === name)?.files ?? [];
    const checked = parsePack(files);
    expect(checked.problems).toEqual([]);
    expect(checked.pack?.manifest.ref).toBe(name);
    expect(parsePack(files, { isOwn: true })).toEqual(checked);
  });
});

test("of a pack that is not our own each field is checked", () => {
  const text = new TextEncoder().encode("ref: mine\nversion: 1.0.0\nauthor: me\nkeywords: none\n");
  const files = [{ path: "pack.yaml", mode: 0o644, content: text }];
  expect(parsePack(files).problems.length).toBeGreaterThan(0);
  expect(parsePack(files, { isOwn: false })).toEqual(parsePack(files));
});
