/** The intake of one life: what a sensor is told, when, and how much may wait. */
import { expect, test } from "vitest";
import { type DispatchLife, SensorIntake } from "../../../../agent/sensors/intake.ts";
import {
  type AgentMessage,
  type DispatchMessage,
  dispatchWindow,
} from "../../../../agent/sensors/messages.ts";
import { silentLogger } from "../../../../shared/log.ts";

const dispatch = (id: number): DispatchMessage => ({ op: "dispatch", id, trigger: "a.b", payload: null });

/** An intake over a disk that answers when it is let go. */
function slowDisk() {
  const waiting: (() => void)[] = [];
  const events: (AgentMessage | string)[] = [];
  const life: DispatchLife = {
    store: (dispatches) =>
      new Promise((resolve) =>
        waiting.push(() => {
          events.push(`on disk up to ${dispatches.at(-1)?.id}`);
          resolve([]);
        }),
      ),
    checkpoint: async () => {},
  };
  const intake = new SensorIntake({
    life,
    answerValue: async () => null,
    send: (message) => events.push(message),
    log: silentLogger,
    pause: async () => {},
    monotonic: () => 0,
    jitter: () => 0.5,
    onRoom: () => events.push("room"),
  });
  /** Lets the disk answer until nothing waits any more. */
  const letGo = async () => {
    for (let turn = 0; turn < 1_000; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = waiting.shift();
      if (next === undefined) return;
      next();
    }
    throw new Error("it never comes to an end");
  };
  return { intake, events, letGo };
}

test("`accepted` is said after the disk, in order, and covers everything before it", async () => {
  const { intake, events, letGo } = slowDisk();
  for (const id of [1, 2, 5]) intake.take(dispatch(id), 100);
  await new Promise((resolve) => setImmediate(resolve));
  expect(events).toEqual([]);
  await letGo();
  expect(events).toEqual(["on disk up to 5", { op: "accepted", upTo: 5 }]);
});

test.each([
  ["a window of dispatches waits", dispatchWindow, 100],
  ["few but large ones wait", 5, 1024 * 1024],
])("the pipe is not read while %s, and is read again when there is room", async (_what, count, bytes) => {
  const { intake, events, letGo } = slowDisk();
  for (let id = 1; id <= count; id++) {
    if (id * bytes < 4 * 1024 * 1024 && id < dispatchWindow) expect(intake.isFull).toBe(false);
    intake.take(dispatch(id), bytes);
  }
  expect(intake.isFull).toBe(true);
  expect(events).not.toContain("room");
  await letGo();
  expect(intake.isFull).toBe(false);
  expect(events.filter((event) => event === "room")).toEqual(["room"]);
  expect(events.at(-1)).toEqual({ op: "accepted", upTo: count });
});

test("what is given up is never said to be accepted", async () => {
  const { intake, events, letGo } = slowDisk();
  for (let id = 1; id <= 600; id++) intake.take(dispatch(id), 100);
  await new Promise((resolve) => setImmediate(resolve));
  intake.close();
  await letGo();
  const said = events.filter((event) => typeof event !== "string");
  // Only the batch that was being written when it was closed can have reached the disk.
  for (const message of said) expect(message).toMatchObject({ op: "accepted", upTo: 256 });
  expect(events).not.toContain("on disk up to 600");
});
