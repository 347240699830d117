/** What a pack says it needs: which pack is meant, where it comes from, and what goes first. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dependenciesFirst, parseDependency } from "../../../../shared/packs/dependency.ts";

const exchange = "https://github.com/StackStorm-Exchange";

describe("a dependency", () => {
  test.each([
    ["csv", "csv", `${exchange}/stackstorm-csv.git`, null],
    ["csv=0.3.0", "csv", `${exchange}/stackstorm-csv.git=v0.3.0`, "0.3.0"],
    [
      "https://github.com/a/stackstorm-disks.git=v1.2.0",
      "disks",
      "https://github.com/a/stackstorm-disks.git=v1.2.0",
      "v1.2.0",
    ],
    ["https://github.com/a/stackstorm-disks/", "disks", "https://github.com/a/stackstorm-disks/", null],
    ["git@git.example.org:ops/disks-more.git", "disks_more", "git@git.example.org:ops/disks-more.git", null],
    ["file:///srv/Packs/disks", "disks", "file:///srv/Packs/disks", null],
  ])("%s", (text, pack, source, version) => {
    expect(parseDependency(text)).toEqual({ pack, source, version });
  });

  test.each(["", "=", "My Pack", "csv=", "../", "-x", "a b=1"])("%j names no pack", (text) => {
    expect(parseDependency(text)).toBeNull();
  });
});

describe("what another one needs goes first", () => {
  const pack = (ref: string, ...dependencies: readonly string[]) => ({ ref, dependencies });

  test.each([
    ["no needs: as they were named", [pack("b"), pack("a")], "b,a"],
    ["a chain", [pack("a", "b=1.0.0"), pack("b", "c"), pack("c")], "c,b,a"],
    ["a circle", [pack("a", "b"), pack("b", "a")], "b,a"],
    ["itself, and what is not there", [pack("a", "a", "z"), pack("b")], "a,b"],
  ])("%s", (_, packs, order) => {
    expect(
      dependenciesFirst(packs, (one) => one)
        .map(({ ref }) => ref)
        .join(),
    ).toBe(order);
  });

  test("nothing is lost or doubled", () => {
    const name = fc.constantFrom("a", "b", "c", "d");
    const packs = fc.array(fc.record({ ref: name, dependencies: fc.array(name) }), { maxLength: 8 });
    fc.assert(
      fc.property(packs, (all) => {
        const ordered = dependenciesFirst(all, (one) => one);
        expect(new Set(ordered)).toEqual(new Set(all));
        expect(ordered).toHaveLength(all.length);
      }),
    );
  });
});
