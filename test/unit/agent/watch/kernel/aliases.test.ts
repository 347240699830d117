import { describe, expect, test } from "vitest";
import { AliasedTree, transferred } from "../../../../../agent/watch/kernel/aliases.ts";
import type { Hint } from "../../../../../agent/watch/observer.ts";

const facts = { created: false, deleted: false, written: false };
const hint = (path: string, more: Partial<Hint> = {}): Hint => ({
  path,
  deep: false,
  facts,
  pid: 7,
  ...more,
});

function heard(aliases: readonly { root: string; real: string }[]) {
  const tree = { roots: aliases.map(({ root }) => root), isFollowed: () => false, mayEnter: () => true };
  const told: unknown[] = [];
  const aliased = new AliasedTree(tree, aliases);
  const listener = aliased.listener({
    hints: (batch) => void told.push(...batch),
    blind: (cause, path) => void told.push([cause, path]),
  });
  return { aliased, listener, told };
}

describe("what the kernel tells of real paths", () => {
  test.each([
    { what: "of a watched path", real: "/run/app/x", shown: ["/var/run/app/x"] },
    { what: "of the path itself", real: "/run/app", shown: ["/var/run/app"] },
    { what: "of a folder above it", real: "/run", shown: ["/var/run/app"] },
    { what: "of the folder above all", real: "/", shown: ["/"] },
    { what: "of a neighbour with a longer name", real: "/run/app2", shown: [] },
    { what: "of what is watched by its own path", real: "/etc/x", shown: ["/etc/x"] },
    { what: "of what is watched by two paths", real: "/srv/v2/x", shown: ["/srv/current/x", "/srv/v2/x"] },
  ])("$what is told by the paths that were configured", ({ real, shown }) => {
    const { aliased } = heard([
      { root: "/var/run/app", real: "/run/app" },
      { root: "/etc", real: "/etc" },
      { root: "/srv/current", real: "/srv/v2" },
      { root: "/srv/v2", real: "/srv/v2" },
    ]);
    expect(aliased.shownOf(real)).toEqual(shown);
  });

  test.each([
    ["/a/b", "/a", "/c", "/c/b"],
    ["/a", "/a", "/", "/"],
    ["/a/b", "/a", "/", "/b"],
    ["/b", "/", "/c", "/c/b"],
    ["/", "/", "/c", "/c"],
    ["/b", "/", "/", "/b"],
  ])("%s within %s is, within %s, %s", (path, from, to, shown) => {
    expect(transferred(path, from, to)).toBe(shown);
  });

  test("keeps both sides of a move together, in each place", () => {
    const { listener, told } = heard([
      { root: "/a", real: "/r" },
      { root: "/b", real: "/r" },
    ]);
    listener.hints([hint("/r/1", { partner: "/r/2" }), hint("/elsewhere")]);
    expect(told).toEqual([hint("/a/1", { partner: "/a/2" }), hint("/b/1", { partner: "/b/2" })]);
  });

  test("is left alone where no link is on the way", () => {
    const { aliased } = heard([{ root: "/etc", real: "/etc" }]);
    const told = { hints: () => {}, blind: () => {} };
    expect(aliased.listener(told)).toBe(told);
  });
});
