import { describe, expect, test } from "vitest";
import { comparisonExit, groupColumns, missingLines } from "../../../../hub/cli/file/comparison-rows.ts";
import { toTable } from "../../../../hub/cli/output.ts";
import { compare } from "../../../../hub/files/compare.ts";
import type { Reply } from "../../../../hub/files/watchers.ts";
import type { FoundPath, PathLook } from "../../../../shared/watch/questions.ts";

const path = "/etc/motd";
const file: FoundPath = {
  kind: "file",
  digest: "a".repeat(64),
  digest_missing: null,
  size: 5,
  mode: "0644",
  owner: "root",
  group: "root",
  mtime: "2026-01-01T00:00:00.000Z",
  target: null,
};

function found(agent: string, over: Partial<FoundPath> | null = {}): Reply<PathLook> {
  const there = over === null ? null : { ...file, ...over };
  return { agent, answer: { path, watched: true, error: null, found: there } };
}

const groupsOf = (replies: readonly Reply<PathLook>[]) =>
  compare(path, replies).groups.map(({ kind, count, outlier, agents }) => [
    kind,
    count,
    outlier,
    agents.map(({ agent }) => agent).join(" "),
  ]);

describe("hosts", () => {
  test("with the same content are one group, whatever else differs; the few come first", () => {
    const compared = compare(path, [
      found("d", { digest: "b".repeat(64) }),
      found("c", { mode: "0600" }),
      found("a"),
      found("b", { owner: "www" }),
      found("e", null),
    ]);
    expect(compared).toMatchObject({ path, asked: 5, missing: [] });
    expect(compared.groups.map(({ kind, count, outlier }) => [kind, count, outlier])).toEqual([
      ["absent", 1, true],
      ["file", 1, true],
      ["file", 3, false],
    ]);
    expect(compared.groups[2]?.agents.map(({ agent, mode, owner }) => [agent, mode, owner])).toEqual([
      ["a", "0644", "root"],
      ["b", "0644", "www"],
      ["c", "0600", "root"],
    ]);
    expect(comparisonExit(compared)).toBe(5);
    const table = toTable(compared.groups, groupColumns, { columns: undefined, nowMs: 0 }).split("\n");
    expect(table[1]).toMatch(/^1 +yes +absent +- +- +- +- +e$/);
    expect(table[3]).toMatch(/^3 +- +file +a{16} +5 +differs +differs +a b c$/);
  });

  test("differ in kind and in where a link leads", () => {
    const folder = { kind: "directory", digest: null, digest_missing: null } as const;
    const link = { kind: "symlink", digest: null, digest_missing: null } as const;
    expect(
      groupsOf([
        found("a", folder),
        found("b", { ...folder, mode: "0700" }),
        found("c", { ...link, target: "x" }),
        found("d", { ...link, target: "y" }),
        found("e", { ...link, target: "y" }),
      ]),
    ).toEqual([
      ["symlink", 1, true, "c"],
      ["directory", 2, false, "a b"],
      ["symlink", 2, false, "d e"],
    ]);
  });

  test("that are split evenly have no outlier, but are not the same", () => {
    const replies = [found("a"), found("b", null)];
    expect(groupsOf(replies).map(([, , outlier]) => outlier)).toEqual([false, false]);
    expect(comparisonExit(compare(path, replies))).toBe(5);
  });

  test("of which nothing can be said are named with the reason", () => {
    const compared = compare(path, [
      { agent: "g", why: "offline", detail: "it is away" },
      found("f", { digest: null, digest_missing: "too-large" }),
      { agent: "e", answer: { path, watched: false, error: null, found: null } },
      { agent: "d", answer: { path, watched: true, error: "EACCES", found: file } },
      found("a"),
    ]);
    expect(compared.groups.map(({ count }) => count)).toEqual([1]);
    expect(compared.missing.map(({ agent, why, detail }) => `${agent} ${why} ${detail}`)).toEqual([
      "d unreadable EACCES",
      "e not-watched the path is not selected there",
      "f no-digest too-large",
      "g offline it is away",
    ]);
    expect(missingLines(compared.missing)[3]).toBe("not compared: g  offline: it is away");
    expect(comparisonExit(compared)).toBe(1);
    expect(comparisonExit(compare(path, [found("a"), found("b")]))).toBe(0);
  });
});
