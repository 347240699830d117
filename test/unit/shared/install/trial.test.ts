/** What an upgrade does next: from what is on disk, and from how the new version is. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layoutOf, rootOfProgram } from "../../../../shared/install/layout.ts";
import {
  outcomeText,
  type Pending,
  parseOutcome,
  parsePending,
  pendingText,
} from "../../../../shared/install/pending.ts";
import { compareVersions, isVersion, versionsToDrop } from "../../../../shared/install/release.ts";
import { type Health, lackOf, standOf, Trial } from "../../../../shared/install/trial.ts";

const pending: Pending = {
  from: "1.0.0",
  to: "1.1.0",
  sha256: "a".repeat(64),
  at: "2026-11-29T00:00:00Z",
  linked: true,
  sensors: ["watch.FileWatch", "core.Timer"],
  formatFrom: 1,
  formatTo: 1,
  back: null,
};
const well: Health = {
  version: "1.1.0",
  life: "1",
  linked: true,
  sensors: ["core.Timer", "watch.FileWatch", "more.Sensor"],
  failed: null,
};

describe("versions", () => {
  test.each([
    ["1.2.3", "1.2.3", 0],
    ["1.2.3", "1.2.4", -1],
    ["1.10.0", "1.9.9", 1],
    ["1.0.0-rc.1", "1.0.0", -1],
    ["1.0.0-rc.2", "1.0.0-rc.10", -1],
    ["1.0.0-1", "1.0.0-alpha", -1],
    ["1.0.0-rc", "1.0.0-rc.1", -1],
    ["1.0.0+one", "1.0.0+two", 0],
  ] as const)("%s against %s is %d", (a, b, expected) => {
    expect(compareVersions(a, b)).toBe(expected);
    expect(compareVersions(b, a)).toBe(expected === 0 ? 0 : -expected);
  });

  test.each(["", "1.2", "..", "1.2.3/..", "1.2.3 ", "1.2.3\n", "v1.2.3", "1.2.3-$(id)", "1.2.3-"])(
    "%j is none",
    (text) => expect(isVersion(text)).toBe(false),
  );

  test("two stay: the one that runs, and what is needed or newest of the others", () => {
    const present = ["0.9.0", "1.0.0", "1.1.0", "0.8.0"];
    expect(versionsToDrop(present, { current: "1.1.0", needed: ["0.9.0"] })).toEqual(["1.0.0", "0.8.0"]);
    expect(versionsToDrop(present, { current: "0.8.0", needed: [] })).toEqual(["1.0.0", "0.9.0"]);
    expect(versionsToDrop(["1.0.0"], { current: "1.0.0", needed: [] })).toEqual([]);
  });
});

describe("the records on disk", () => {
  test("are read as they were written, whatever is in a reason", () => {
    for (const back of [null, "it has no link = none"]) {
      const record = { ...pending, back };
      expect(parsePending(pendingText(record))).toEqual(record);
    }
    for (const back of ["", " \n"])
      expect(parsePending(pendingText({ ...pending, back }))).toMatchObject({ back: "unknown" });
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (why) => {
        const outcome = { from: "1.0.0", to: "1.1.0", result: "rolled-back", why, at: "now" } as const;
        const read = parseOutcome(outcomeText(outcome));
        expect(read).toMatchObject({ from: "1.0.0", to: "1.1.0", result: "rolled-back", at: "now" });
        expect(outcomeText(outcome).split("\n")).toHaveLength(6);
      }),
    );
  });

  test.each([
    ["nothing", null],
    ["an empty file", ""],
    ["half of it", "from=1.0.0\nto=1.1.0\n"],
    ["a path for a version", pendingText({ ...pending, from: "../../etc" })],
    ["no digest", pendingText({ ...pending, sha256: "abc" })],
  ])("are as good as none: %s", (_, text) => expect(parsePending(text)).toBeNull());
});

describe("where an upgrade stands", () => {
  const present = ["1.0.0", "1.1.0"];
  const unwell = { ...pending, back: "unwell" };
  test.each([
    ["no record", { pending: null, current: "1.0.0", present }, { kind: "settled" }],
    ["prepared", { pending, current: "1.0.0", present }, { kind: "before" }],
    ["switched", { pending, current: "1.1.0", present }, { kind: "trial" }],
    ["to go back", { pending: unwell, current: "1.1.0", present }, { kind: "back", why: "unwell" }],
    ["switched back", { pending: unwell, current: "1.0.0", present }, { kind: "back", why: "unwell" }],
    [
      "to go back, and the old version is not there",
      { pending: unwell, current: "1.1.0", present: ["1.1.0"] },
      { kind: "trial" },
    ],
    ["to go back, no link", { pending: unwell, current: null, present }, { kind: "mend", version: "1.0.0" }],
    [
      "a third version is in force",
      { pending, current: "1.2.0", present: [...present, "1.2.0"] },
      { kind: "settled" },
    ],
    ["no link", { pending, current: null, present }, { kind: "mend", version: "1.0.0" }],
    [
      "a link to nothing",
      { pending, current: "1.1.0", present: ["1.0.0"] },
      { kind: "mend", version: "1.0.0" },
    ],
    [
      "no link and no record",
      { pending: null, current: null, present: ["1.1.0"] },
      { kind: "mend", version: "1.1.0" },
    ],
    ["nothing", { pending: null, current: null, present: [] }, { kind: "lost" }],
  ])("%s", (_, state, stand) => expect(standOf(state)).toEqual(stand));

  test("wherever it is cut off, the version that is in force, or is to be, is there", () => {
    const version = fc.constantFrom("1.0.0", "1.1.0", "1.2.0");
    fc.assert(
      fc.property(
        fc.option(version),
        fc.uniqueArray(version),
        fc.boolean(),
        (current, versions, hasRecord) => {
          const stand = standOf({ pending: hasRecord ? pending : null, current, present: versions });
          const inForce = stand.kind === "mend" ? stand.version : current;
          if (stand.kind === "lost") expect(versions).toEqual([]);
          else expect(versions).toContain(inForce);
        },
      ),
    );
  });
});

describe("how a new version is judged", () => {
  test.each([
    ["well", well, null],
    ["silent", null, "it does not answer"],
    ["the old one still", { ...well, version: "1.0.0" }, "version 1.0.0 answers"],
    ["without its link", { ...well, linked: false }, "it has no link"],
    ["without a sensor", { ...well, sensors: ["core.Timer"] }, "watch.FileWatch"],
    ["failed", { ...well, failed: "its database takes no writes" }, "takes no writes"],
  ])("%s", (_, health, lack) => {
    if (lack === null) expect(lackOf(pending, health)).toBeNull();
    else expect(lackOf(pending, health)).toContain(lack);
  });

  test("a host without a hub is not asked for a link that it did not have", () => {
    expect(lackOf({ ...pending, linked: false }, { ...well, linked: false })).toBeNull();
  });

  const limits = { withinMs: 1_000, steadyMs: 200 };
  const looks = (...seen: readonly (readonly [number, Health | null])[]) => {
    const trial = new Trial(pending, limits, 0);
    return seen.map(([at, health]) => trial.look(health, at).kind);
  };

  test("it has to stay well for a while, in one life", () => {
    expect(looks([0, well], [100, well], [200, well])).toEqual(["wait", "wait", "good"]);
    expect(looks([0, well], [100, null], [200, well], [399, well], [400, well])).toEqual([
      "wait",
      "wait",
      "wait",
      "wait",
      "good",
    ]);
    const again = { ...well, life: "2" };
    expect(looks([0, well], [150, again], [200, again], [350, again])).toEqual([
      "wait",
      "wait",
      "wait",
      "good",
    ]);
  });

  test("one that is not well in time is bad; one that just became well gets the time to show it", () => {
    expect(looks([0, null], [999, null], [1_000, null])).toEqual(["wait", "wait", "bad"]);
    expect(looks([999, well], [1_100, well], [1_199, well])).toEqual(["wait", "wait", "good"]);
  });

  test("one that ends and starts for ever is bad", () => {
    const lives = Array.from({ length: 20 }, (_, n) => [n * 100, { ...well, life: String(n) }] as const);
    expect(looks(...lives)).toContain("bad");
    expect(looks(...lives)).not.toContain("good");
  });
});

test("a program finds the root that it is installed below", () => {
  const product = {
    name: "agent",
    package: "petrel-agent",
    program: "petrel-agent",
    unit: "u",
    state: "/s",
    stateMode: 0o700,
    renews: false,
    config: "/c",
    configMode: 0o600,
  } as const;
  expect(rootOfProgram(product, "/opt/petrel/agent/versions/1.0.0/petrel-agent")).toBe("/");
  expect(rootOfProgram(product, "/tmp/x/opt/petrel/agent/versions/1.0.0/petrel-agent")).toBe("/tmp/x");
  for (const path of [
    "/usr/bin/petrel-agent",
    "/opt/petrel/hub/versions/1.0.0/petrel-agent",
    "/opt/petrel/agent/versions/1.0.0/x/petrel-agent",
  ])
    expect(rootOfProgram(product, path)).toBeNull();
  expect(layoutOf(product, "/r").current).toBe("/r/opt/petrel/agent/current");
});
