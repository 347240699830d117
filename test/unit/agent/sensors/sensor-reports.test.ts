import { expect, test } from "vitest";
import { defaultSchedule } from "../../../../agent/sensors/schedule.ts";
import { SensorReports, type SensorStatus } from "../../../../agent/sensors/sensor-reports.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { SensorEventEntry } from "../../../../shared/wire/messages.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const status = (state: SensorStatus["state"], restarts = 0): SensorStatus => ({
  sensor: "p.S",
  state,
  pid: null,
  restarts,
  last_error: null,
  fingerprint: null,
  problem: null,
  since: "2026-01-01T00:00:00.000Z",
});

/** A clock and timers that stand still until told. */
function newReports() {
  let now = 0;
  const timers: { at: number; call: () => void }[] = [];
  const written: SensorEventEntry[] = [];
  const outbox = { isFull: false };
  const reports = new SensorReports({
    append: async (entries) => {
      if (outbox.isFull) throw new Error("full");
      written.push(...entries);
    },
    newId: () => "id",
    clock: { now: () => now, monotonic: () => now },
    timers: {
      after: (delayMs, call) => {
        const timer = { at: now + delayMs, call };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
      },
    },
    jitter: () => 0,
    schedule: defaultSchedule,
    log: silentLogger,
  });
  const advance = (ms: number) => {
    now += ms;
    for (const timer of timers.filter(({ at }) => at <= now)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.call();
    }
  };
  return { reports, written, advance, outbox, timers };
}

test("first changes are told one by one, those of a crash loop are folded into the newest", async () => {
  const { reports, written, advance, timers } = newReports();
  reports.report(status("starting"), 0);
  await waitUntil("told", () => written.length === 1);
  for (let crashes = 5; crashes < 20; crashes++) {
    reports.report(status("starting", crashes), crashes);
    reports.report(status("backing-off", crashes), crashes);
  }
  expect(timers.length).toBe(1);
  expect(written.length).toBe(1);
  advance(60_000);
  await waitUntil("told", () => written.length === 2);
  expect(written[1]).toMatchObject({ kind: "sensor-event", state: "backing-off", restarts: 19 });
});

test("a stop is told at once, even out of a crash loop", async () => {
  const { reports, written } = newReports();
  reports.report(status("starting"), 0);
  await waitUntil("told", () => written.length === 1);
  reports.report(status("backing-off", 9), 9);
  reports.report(status("stopped", 9), 9);
  await waitUntil("told", () => written.at(-1)?.state === "stopped");
});

test("what cannot be written is written later, only the newest state of it", async () => {
  const { reports, written, advance, outbox, timers } = newReports();
  outbox.isFull = true;
  reports.report(status("starting"), 0);
  await waitUntil("a retry is planned", () => timers.length === 1);
  reports.report(status("running"), 0);
  outbox.isFull = false;
  advance(10_000);
  await waitUntil("told", () => written.length > 0);
  await reports.close();
  expect(written.map(({ state }) => state)).toEqual(["running"]);
});

test("closing writes what has not been told yet", async () => {
  const { reports, written } = newReports();
  reports.report(status("starting"), 0);
  await waitUntil("told", () => written.length === 1);
  reports.report(status("backing-off", 9), 9);
  await reports.close();
  expect(written.at(-1)?.state).toBe("backing-off");
});

test("a hub that has forgotten where the sensors stand is told the newest state of each", async () => {
  const { reports, written } = newReports();
  reports.report(status("starting"), 0);
  reports.report({ ...status("running"), sensor: "p.T" }, 0);
  await waitUntil("told", () => written.length === 2);
  reports.report(status("running"), 0);
  await waitUntil("told", () => written.length === 3);
  reports.tellAgain();
  await waitUntil("told again", () => written.length === 5);
  expect(written.slice(3).map(({ sensor, state }) => [sensor, state])).toEqual([
    ["p.S", "running"],
    ["p.T", "running"],
  ]);
});
