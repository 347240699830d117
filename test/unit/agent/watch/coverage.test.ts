import { describe, expect, test } from "vitest";
import {
  cannotSee,
  coveredPath,
  fitting,
  partlyCovered,
  unreadablePaths,
} from "../../../../agent/watch/coverage.ts";
import type { Coverage } from "../../../../agent/watch/observer.ts";

const live: Coverage = {
  path: "/etc",
  mount: "/",
  filesystem: "ext4",
  backend: "fanotify",
  state: "live",
  reason: "",
};
const swept: Coverage = { ...live, filesystem: "nfs4", backend: "sweep", state: "polled", reason: "nfs4" };

describe("coverage", () => {
  test("without root says what root would have", () => {
    const covered = coveredPath(
      { ...live, backend: "inotify", reason: "fanotify_init: EPERM" },
      { exists: true, sweepEverySeconds: 1 },
    );
    expect(covered.reason).toBe("fanotify needs root (fanotify_init: EPERM)");
  });

  test.each([
    { what: "live", coverage: live, exists: true, every: 3_600, state: "live", reason: "" },
    { what: "not there", coverage: live, exists: false, every: 0, state: "live", reason: /nothing is there/ },
    { what: "polled", coverage: swept, exists: true, every: 3_600, state: "polled", reason: "nfs4" },
    {
      what: "never swept",
      coverage: swept,
      exists: true,
      every: 0,
      state: "blind",
      reason: /^nfs4; sweeps are off/,
    },
  ])("of a path that is $what", ({ coverage, exists, every, state, reason }) => {
    const covered = coveredPath(coverage, { exists, sweepEverySeconds: every });
    expect(covered).toMatchObject({ path: "/etc", mount: "/", state });
    if (typeof reason === "string") expect(covered.reason).toBe(reason);
    else expect(covered.reason).toMatch(reason);
  });

  test.each([
    {
      backend: "fanotify",
      filesystem: "ext4",
      sees: [/mapping/, /hard link/, /full sweep/],
      not: [/process/, /hosts/],
    },
    {
      backend: "inotify",
      filesystem: "overlay",
      sees: [/which process/, /past the overlay/],
      not: [/hosts/],
    },
    { backend: "sweep", filesystem: "nfs4", sees: [/came and went/, /other hosts/], not: [/mapping/] },
    { backend: "inotify", filesystem: "proc", sees: [/kernel itself/], not: [/decayed/] },
    { backend: "sweep", filesystem: "fuse.sshfs", sees: [/own server/], not: [/overlay/] },
  ] as const)("of $filesystem by $backend cannot see all", ({ backend, filesystem, sees, not }) => {
    const said = cannotSee({ backend, filesystem }).join("\n");
    for (const text of sees) expect(said).toMatch(text);
    for (const text of not) expect(said).not.toMatch(text);
  });
});

test("folders for which no watch is left are polled, with what is below them", () => {
  const whole: Coverage = { ...live, backend: "inotify" };
  const shown = (unwatched: readonly string[]) =>
    partlyCovered(whole, unwatched).map(({ path, backend, state }) => [path, backend, state]);
  expect(shown([])).toEqual([["/etc", "inotify", "live"]]);
  expect(shown(["/etc/a", "/etc/b"])).toEqual([
    ["/etc", "inotify", "live"],
    ["/etc/a", "sweep", "polled"],
    ["/etc/b", "sweep", "polled"],
  ]);
  expect(shown(["/etc"])).toEqual([["/etc", "sweep", "polled"]]);
});

test("unreadable paths are counted, and the first shown in order", () => {
  const entries: [string, string][] = [
    ["/b", "EACCES"],
    ["/a", "EIO"],
    ["/c", "EACCES"],
  ];
  expect(unreadablePaths(entries, 2)).toEqual({
    unreadable: 3,
    unreadable_paths: [
      { path: "/a", error: "EIO" },
      { path: "/b", error: "EACCES" },
    ],
  });
});

test("an answer holds as many as fit", () => {
  const all = ["a", "bb", "ccc", "dddd"];
  expect(fitting(all, 10, 1_000)).toEqual(all);
  expect(fitting(all, 2, 1_000)).toEqual(["a", "bb"]);
  // Quotes and comma count: 4, 5, 6 bytes.
  expect(fitting(all, 10, 15)).toEqual(["a", "bb", "ccc"]);
  expect(fitting(all, 10, 14)).toEqual(["a", "bb"]);
  expect(fitting(all, 10, 3)).toEqual([]);
});

test("where links are followed, what they lead to is not seen at once", () => {
  const followed = coveredPath(live, { exists: true, sweepEverySeconds: 1, isFollowed: true });
  expect(followed.cannot_see.join()).toMatch(/followed links lead to, until a sweep/);
  expect(coveredPath(live, { exists: true, sweepEverySeconds: 1 }).cannot_see.join()).not.toMatch(/followed/);
});
