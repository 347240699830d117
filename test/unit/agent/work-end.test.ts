/** The end of an agent's work: no part keeps another from stopping, and the hub is told while there is a link. */
import { expect, test } from "vitest";
import { WorkEnd } from "../../../agent/work-end.ts";
import { createLogger } from "../../../shared/log.ts";
import { systemTimers } from "../../../shared/system-process.ts";

function workEnd(failing: readonly string[], entries: () => number = () => 0) {
  const stopped: string[] = [];
  const lines: string[] = [];
  let now = 0;
  const part = (name: string) => async () => {
    stopped.push(name);
    if (failing.includes(name)) throw new Error(`${name} breaks`);
  };
  const work = new WorkEnd({
    applier: { close: part("packs") },
    actions: { stop: part("actions") },
    sensors: { close: part("sensors") },
    reports: { close: part("sensor reports") },
    outbox: { figures: () => ({ entries: entries() }) },
    drainMs: 4_000,
    monotonic: () => now,
    timers: {
      ...systemTimers,
      after: (ms, run) => {
        now += ms;
        queueMicrotask(run);
        return () => {};
      },
    },
    log: createLogger({
      level: "info",
      format: "text",
      write: (line) => void lines.push(line),
      now: () => 0,
    }),
  });
  return { work, stopped, lines, passed: () => now };
}

const order = ["packs", "actions", "sensors", "sensor reports"];

test.each([[[]], [["packs"]], [["actions"]], [["sensors", "sensor reports"]], [order]])(
  "all parts stop, in their order, while these fail: %j",
  async (failing) => {
    const { work, stopped, lines } = workEnd(failing);
    const end = work.stop();
    if (failing.length === 0) await end;
    else await expect(end).rejects.toThrow("not all of the work");
    expect(stopped).toEqual(order);
    expect(lines).toEqual(failing.map((name) => expect.stringContaining(`${name} breaks`)));
  },
);

test("it ends once, however often it is asked for", async () => {
  const { work, stopped } = workEnd([]);
  await Promise.all([work.stop(), work.stopAndTell({ running: true }), work.stop()]);
  expect(stopped).toEqual(order);
});

test("the hub is waited for until it has receipted everything, also when a part has failed", async () => {
  let left = 5;
  const { work, passed } = workEnd(["actions"], () => left--);
  await expect(work.stopAndTell({ running: true })).rejects.toThrow("not all of the work");
  expect([left, passed()]).toEqual([-1, 100]);
});

test.each([
  ["for a second at most", true, 1_000],
  ["not at all without a link", false, 0],
])("the hub is waited for %s", async (_what, running, ms) => {
  const { work, passed } = workEnd([], () => 1);
  await work.stopAndTell({ running });
  expect(passed()).toBe(ms);
});
