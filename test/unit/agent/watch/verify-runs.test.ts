import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Scope } from "../../../../agent/watch/gather-fs.ts";
import { VerifyRuns } from "../../../../agent/watch/verify-runs.ts";
import { manualTime } from "../../../support/manual-time.ts";

interface Sweeping {
  readonly full: boolean;
  readonly scope: Scope;
  readonly done: (found: number) => void;
  readonly failed: (error: Error) => void;
}

function runs(expected: number | null = null) {
  const time = manualTime();
  const sweeping: Sweeping[] = [];
  const verify = new VerifyRuns({
    sweep: (full, scope) =>
      new Promise((done, failed) => {
        sweeping.push({ full, scope, done, failed });
      }),
    expected: () => expected,
    clock: time.clock,
  });
  const current = () => sweeping.at(-1) as Sweeping;
  return { time, sweeping, verify, current };
}

const everything = { full: false, path: null };

test("a run says how far it is, and how it ended", async () => {
  const { verify, current, time } = runs(5_000);
  expect(verify.begin({ run: "1", ...everything })).toMatchObject({ state: "waiting", expected: 5_000 });
  await turn();
  const { scope, done } = current();
  for (let n = 0; n < 1_500; n++) scope.looked();
  expect(verify.state("1")).toMatchObject({ state: "running", looked: 1_000, ended_at: null });
  scope.told(3);
  scope.unreadable("/etc/\xff", "EACCES");
  expect(verify.state("1")).toMatchObject({
    looked: 1_500,
    differences: 3,
    unreadable: 1,
    unreadable_paths: [{ path: "/etc/\\xff", path_base64: "L2V0Yy//", error: "EACCES" }],
  });
  time.advance(2_000);
  done(4);
  await turn();
  const ended = { state: "done", looked: 1_500, differences: 4, error: null };
  expect(verify.state("1")).toMatchObject({
    ...ended,
    started_at: "2026-01-01T00:00:00.000Z",
    ended_at: "2026-01-01T00:00:02.000Z",
  });
  expect(verify.begin({ run: "2", ...everything })).toMatchObject({ expected: 1_500 });
});

test("one asked for twice is swept once; several take their turns, and too many are refused", async () => {
  const { verify, current, sweeping } = runs();
  for (const run of ["1", "2", "3", "4", "5"]) {
    verify.begin({ run, full: run === "2", path: null });
    await turn();
  }
  expect(verify.begin({ run: "1", ...everything }).state).toBe("running");
  expect(sweeping).toHaveLength(1);
  expect(() => verify.begin({ run: "6", ...everything })).toThrow(
    expect.objectContaining({ code: "WATCH_VERIFY_BUSY" }),
  );
  current().failed(new Error("the baseline is gone"));
  await turn();
  expect(verify.state("1")).toMatchObject({ state: "failed", error: "the baseline is gone" });
  expect(current().full).toBe(true);
  expect(verify.begin({ run: "6", ...everything }).state).toBe("waiting");
});

test("only the latest are remembered", async () => {
  const { verify, current } = runs();
  for (let n = 1; n <= 40; n++) {
    verify.begin({ run: String(n), ...everything });
    await turn();
    current().done(0);
    await turn();
  }
  expect(verify.state("40").state).toBe("done");
  expect(() => verify.state("1")).toThrow(expect.objectContaining({ code: "WATCH_VERIFY_UNKNOWN" }));
});

test("a pattern that is none begins nothing, and after the end nothing begins", async () => {
  const { verify, sweeping, current } = runs();
  expect(() => verify.begin({ run: "1", full: false, path: "[" })).toThrow(
    expect.objectContaining({ code: "WATCH_GLOB" }),
  );
  verify.begin({ run: "2", full: false, path: "/etc/**" });
  verify.begin({ run: "3", ...everything });
  await turn();
  expect(current().scope.only("/etc/a")).toBe(true);
  expect(current().scope.only("/usr")).toBe(false);
  const stopped = verify.stop();
  current().failed(new Error("the sensor stops"));
  await stopped;
  expect([verify.state("2").state, verify.state("3").state]).toEqual(["failed", "failed"]);
  expect(sweeping).toHaveLength(1);
});
