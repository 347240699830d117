import { describe, expect, test } from "vitest";
import { ownProblems } from "../../../../hub/packs/own-checks.ts";

describe("what pack watch demands of its configuration", () => {
  test.each<[string, object]>([
    ["nothing", {}],
    ["what its schema fills in", { paths: [], profiles: null }],
    ["profiles and paths", { profiles: ["linux-server"], paths: [{ path: "/etc", exclude: ["*.swp"] }] }],
  ])("is met by %s", (_, config) => {
    expect(ownProblems("watch", config as never, "config")).toEqual([]);
  });

  test.each<[string, object, string, RegExp]>([
    ["an unknown profile", { profiles: ["windows-server"] }, "WATCH_PROFILE", /windows-server/],
    ["a pattern that is none", { paths: [{ path: "/etc", include: ["[a"] }] }, "WATCH_GLOB", /\[a/],
    ["a relative path", { paths: [{ path: "etc" }] }, "WATCH_CONFIG", /paths\.0\.path/],
    ["a misspelt setting of a path", { paths: [{ path: "/etc", exlude: [] }] }, "WATCH_CONFIG", /exlude/],
    ["a misspelt setting", { path: [] }, "WATCH_CONFIG", /\(path\)/],
  ])("is not met by %s, which is said with the place", (_, config, code, message) => {
    expect(ownProblems("watch", config as never, "config for role=web")).toEqual([
      {
        code,
        severity: "error",
        message: expect.stringMatching(message),
        where: "config for role=web",
        hint: expect.stringMatching(/./),
      },
    ]);
  });

  test("is not demanded of other packs", () => {
    expect(ownProblems("mypack", { profiles: ["windows-server"], paths: 7 }, "config")).toEqual([]);
  });
});
