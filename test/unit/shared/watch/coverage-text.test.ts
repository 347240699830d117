import { expect, test } from "vitest";
import { coverageText } from "../../../../shared/watch/coverage-text.ts";
import type { CoveredPath, WatchCoverage } from "../../../../shared/watch/questions.ts";

const live: CoveredPath = {
  path: "/etc",
  state: "live",
  backend: "fanotify",
  mount: "/",
  filesystem: "ext4",
  reason: "",
  cannot_see: ["this", "that"],
};
const nothing: WatchCoverage = {
  paths: [],
  left_out: 0,
  unreadable: 0,
  unreadable_paths: [],
  sweep: { every: 0, full_every: 0, last: null },
};

test("what is not live comes first, and what cannot be seen is said once", () => {
  const text = coverageText({
    paths: [
      live,
      { ...live, path: "/usr\u001b[2J" },
      {
        ...live,
        path: "/net",
        state: "polled",
        backend: "sweep",
        filesystem: "nfs4",
        reason: "nfs4 is silent",
      },
      { ...live, path: "/raw", state: "blind", reason: "sweeps are off" },
    ],
    left_out: 2,
    unreadable: 3,
    unreadable_paths: [{ path: "/etc/closed", error: "EACCES" }],
    sweep: {
      every: 3_600,
      full_every: 172_800,
      last: { full: false, ended_at: "2026-01-01T00:00:00Z", looked: 5, differences: 1 },
    },
    who: { asked: "audit", missing: ["audit is not to be had"] },
  });
  expect(text.split("\n")).toEqual([
    "blind   /raw  (fanotify, ext4 at /): sweeps are off",
    "polled  /net  (sweep, nfs4 at /): nfs4 is silent",
    "live    /etc  (fanotify, ext4 at /)",
    expect.stringMatching(/^live {4}\/usr.*\(fanotify/),
    "… and 2 more",
    "blind   /etc/closed  cannot be read (EACCES)",
    "… and 2 more that cannot be read",
    "sweeps  every hour, with digests every 2 days; the last one ended 2026-01-01T00:00:00Z: 5 paths, 1 found",
    "who     audit is not to be had",
    "fanotify on ext4 cannot see:",
    "  this",
    "  that",
    "sweep on nfs4 cannot see:",
    "  this",
    "  that",
    "",
  ]);
  expect(text).not.toContain("\u001b");
});

test.each([
  [0, 0, "never"],
  [90, 600, "every 90 s, with digests every 10 min"],
  [7_200, 86_400, "every 2 h, with digests every day"],
])("a host that watches nothing says so, and when it sweeps (%i, %i)", (every, full_every, text) => {
  expect(coverageText({ ...nothing, sweep: { every, full_every, last: null } })).toMatch(
    new RegExp(`^nothing is watched: .*\\nsweeps {2}${text}\\n$`),
  );
});
