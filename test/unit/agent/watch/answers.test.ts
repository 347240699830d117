import { describe, expect, test } from "vitest";
import { Answers } from "../../../../agent/watch/answers.ts";
import type { Stat } from "../../../../agent/watch/look.ts";
import type { Coverage } from "../../../../agent/watch/observer.ts";
import type { BaselineRecord } from "../../../../agent/watch/record.ts";
import { Selection } from "../../../../agent/watch/selection.ts";
import { bytePath } from "../../../../shared/watch/paths.ts";
import { readSettings } from "../../../../shared/watch/read-settings.ts";
import { manualTime } from "../../../support/manual-time.ts";

const stat: Stat = {
  kind: "file",
  mode: 0o4755,
  links: 1,
  uid: 0,
  gid: 7,
  size: 12n,
  mtimeNs: 1_000_000_000n,
  ctimeNs: 0n,
  ino: 1n,
  birthNs: 0n,
};

function answers(
  records: Readonly<Record<string, Partial<BaselineRecord>>> = {},
  { unreadable = [], coverage = [] }: { unreadable?: [string, string][]; coverage?: Coverage[] } = {},
) {
  const settings = readSettings({
    paths: [
      { path: "/etc", exclude: ["*.bak"] },
      { path: "/logs", digest: "none" },
    ],
  });
  return new Answers({
    selection: new Selection(settings.paths),
    baseline: {
      get: (path) => {
        const record = records[path];
        return record === undefined ? null : { stat, extras: { digest: null }, version: 1, ...record };
      },
      isVoid: (path) => path === "/etc/forged",
    },
    sweeps: {
      now: async () => 0,
      report: () => ({ everySeconds: 60, fullEverySeconds: 0, paths: null, last: null }),
    },
    unreadable: { entries: () => unreadable.values() },
    coverage: () => coverage,
    who: () => ({ asked: "auto", missing: [] }),
    lookStat: (path) => (path === "/gone" ? { found: null } : { found: stat }),
    names: { user: () => "root", group: () => null },
    clock: manualTime().clock,
  });
}

describe("a look", () => {
  test("at a path whose record cannot be believed says that, and not that nothing is there", () => {
    expect(answers().ask("look", { path: "/etc/forged" })).toMatchObject({
      watched: true,
      error: "its record cannot be believed",
      found: null,
    });
  });

  test("is what the baseline holds, by the names of the host", () => {
    const digest = "ab".repeat(32);
    expect(answers({ "/etc/a": { extras: { digest } } }).ask("look", { path: "/etc//x/../a/" })).toEqual({
      path: "/etc/a",
      watched: true,
      error: null,
      found: {
        kind: "file",
        digest,
        digest_missing: null,
        size: 12,
        mode: "4755",
        owner: "root",
        group: "7",
        mtime: "1970-01-01T00:00:01.000Z",
        target: null,
      },
    });
  });

  test.each([
    { path: "/etc/none", told: { watched: true, error: null, found: null } },
    { path: "/etc/a.bak", told: { watched: false, found: null } },
    { path: "/usr", told: { watched: false } },
    { path: "/logs/a", told: { found: { digest: null, digest_missing: "off" } } },
    { path: "/etc/big", told: { found: { digest: null, digest_missing: "too-large" } } },
    { path: "/etc/l", told: { found: { kind: "symlink", digest_missing: null, target: "ä" } } },
    { path: "/etc/closed/x", told: { watched: true, error: "EACCES" } },
  ])("at $path", ({ path, told }) => {
    const records = {
      "/logs/a": {},
      "/etc/big": { extras: { digest: null, digestMissing: "too-large" } },
      "/etc/l": { stat: { ...stat, kind: "symlink" }, extras: { digest: null, target: bytePath("ä") } },
    } as const;
    const asked = answers(records, { unreadable: [["/etc/closed", "EACCES"]] });
    expect(asked.ask("look", { path })).toMatchObject({ path, ...told });
  });
});

test("coverage leaves out folders that are gone, but never what was asked for", () => {
  const at = (path: string): Coverage => ({
    path,
    mount: "/",
    filesystem: "ext4",
    backend: "inotify",
    state: "live",
    reason: "",
  });
  const told = answers({}, { coverage: [at("/logs"), at("/gone"), at("/etc")] }).ask("coverage", {});
  expect(told).toMatchObject({
    paths: [{ path: "/etc" }, { path: "/logs" }],
    left_out: 0,
    sweep: { every: 60 },
  });
});

test("what is no question is not answered, and arguments that are none are refused", () => {
  const asked = answers();
  expect(asked.ask("what", {})).toBeUndefined();
  for (const [question, args] of [
    ["look", { path: "relative" }],
    ["look", {}],
    ["verify", { run: "1", full: "yes", path: null }],
    ["verify-state", {}],
  ] as const) {
    expect(() => asked.ask(question, args)).toThrow(expect.objectContaining({ code: "SENSOR_ASK_FAILED" }));
  }
  expect(asked.ask("verify", { run: "1", full: false, path: null })).toMatchObject({ state: "waiting" });
});
