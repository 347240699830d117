import { expect, test } from "vitest";
import { fleetCoverageExit, fleetCoverageLines } from "../../../../hub/cli/file/coverage-rows.ts";
import { fleetCoverage } from "../../../../hub/files/fleet-coverage.ts";
import type { CoveredPath, WatchCoverage } from "../../../../shared/watch/questions.ts";

const path = (name: string, over: Partial<CoveredPath> = {}): CoveredPath => ({
  path: name,
  state: "live",
  backend: "fanotify",
  mount: "/",
  filesystem: "ext4",
  reason: "",
  cannot_see: ["this"],
  ...over,
});
const coverage = (paths: readonly CoveredPath[], over: Partial<WatchCoverage> = {}): WatchCoverage => ({
  paths,
  left_out: 0,
  unreadable: 0,
  unreadable_paths: [],
  sweep: { every: 3_600, full_every: 0, last: null },
  ...over,
});

test("each agent has a line, what is not live comes first, and who cannot be asked is named", () => {
  const polled = path("/net", { state: "polled", backend: "sweep", filesystem: "nfs4", reason: "nfs4" });
  const found = fleetCoverage([
    { agent: "web-2", why: "offline", detail: "it is away" },
    {
      agent: "web-1",
      answer: coverage([path("/etc"), polled], {
        unreadable: 3,
        unreadable_paths: [{ path: "/etc/closed", error: "EACCES" }],
        who: { asked: "audit", missing: ["audit was asked for and is not to be had: EPERM"] },
      }),
    },
    { agent: "web-3", answer: coverage([path("/etc")]) },
  ]);
  expect(fleetCoverageLines(found)).toEqual([
    "web-1  1 live, 1 polled, 3 blind",
    "  blind   /etc/closed  cannot be read (EACCES)",
    "  polled  /net  (sweep, nfs4 at /): nfs4",
    "  live    /etc  (fanotify, ext4 at /)",
    "  … and 2 more: petrel file coverage --agent web-1",
    "  who     audit was asked for and is not to be had: EPERM",
    "web-2  offline: it is away",
    "web-3  1 live, 0 polled, 0 blind",
    "  live    /etc  (fanotify, ext4 at /)",
  ]);
  const { agents } = found;
  const codes = agents.map((one) => fleetCoverageExit({ agents: [one] }));
  expect(codes).toEqual([1, 1, 0]);
});

test("of an agent with many paths the worst are shown, and the others counted", () => {
  const many = Array.from({ length: 300 }, (_, n) => path(`/live/${n}`));
  const blind = path("/z", { state: "blind", reason: "sweeps are off" });
  const found = fleetCoverage([{ agent: "a", answer: coverage([...many, blind], { left_out: 7 }) }]);
  expect(found.agents[0]).toMatchObject({ live: 300, blind: 1, left_out: 208, who: null });
  const lines = fleetCoverageLines(found);
  expect(lines[1]).toBe("  blind   /z  (fanotify, ext4 at /): sweeps are off");
  expect(lines.at(-1)).toBe("  … and 298 more: petrel file coverage --agent a");
});
