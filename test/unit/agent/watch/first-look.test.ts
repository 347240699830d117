import { describe, expect, test } from "vitest";
import { begunWith, firstLook, leftRoots, rememberedOf } from "../../../../agent/watch/first-look.ts";
import { Selection } from "../../../../agent/watch/selection.ts";
import type { Json, JsonObject } from "../../../../shared/json.ts";
import { readSettings } from "../../../../shared/watch/read-settings.ts";

const of = (...paths: readonly (string | JsonObject)[]): JsonObject => ({
  paths: paths.map((path) => (typeof path === "string" ? { path } : path)),
  profiles: null,
});
const selection = (part: JsonObject) => new Selection(readSettings(part).paths);

describe("a path is looked at for the first time", () => {
  test.each<[string, Json, Json, string, boolean]>([
    ["when nothing was looked at before", null, null, "/a/x", true],
    ["unless the last complete look had it", of("/a"), [], "/a/x", false],
    ["when the last complete look had it not", of("/a"), [], "/b/x", true],
    ["when it was excluded", of({ path: "/a", exclude: ["*.log"] }), [], "/a/x.log", true],
    ["when a selection that was given up had it not", of("/a", "/b"), [of("/a")], "/b/x", true],
    ["unless all of them had it", of("/a", "/b"), [of("/a", "/b", "/c"), of("/b")], "/b/x", false],
    ["when only one that was given up had it", of("/a"), [of("/a", "/b")], "/b/x", true],
    ["after a version that knew other settings", { paths: [{ path: "/a", later: 1 }] }, [], "/a/x", true],
  ])("%s", (_, complete, begun, path, isFirst) => {
    expect(firstLook(rememberedOf(complete, begun))(path)).toBe(isFirst);
  });
});

test("records may be left where an earlier selection looked and the present one does not", () => {
  const remembered = rememberedOf(of("/a", "/b/inner", "/d"), [of("/c", "/a")]);
  expect(leftRoots(remembered, selection(of("/b", "/d/below")))).toEqual(["/a", "/d", "/c"]);
  expect(leftRoots(rememberedOf(null, null), selection(of("/b")))).toEqual([]);
});

test("what was begun is remembered once each, the newest last, and not without end", () => {
  let begun: readonly Json[] = [];
  for (let n = 0; n < 100; n++) begun = begunWith(rememberedOf(null, [...begun]), of(`/${n % 50}`));
  expect(new Set(begun.map((part) => JSON.stringify(part))).size).toBe(begun.length);
  expect(begun.length).toBe(32);
  expect(begun.at(-1)).toEqual(of("/49"));
});
