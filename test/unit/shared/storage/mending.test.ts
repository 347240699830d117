/** Mending a database: tried later and later, and a success counts only when it lasts. */
import { expect, it } from "vitest";
import { silentLogger } from "../../../../shared/log.ts";
import { createMending } from "../../../../shared/storage/mending.ts";
import { manualTime } from "../../../support/manual-time.ts";

function mendingOf(resume: () => Promise<void>) {
  const time = manualTime();
  const mended: number[] = [];
  const mending = createMending({
    resume,
    timers: time.timers,
    jitter: () => 0.5,
    log: silentLogger,
    mended: () => mended.push(time.clock.monotonic()),
  });
  /** Moves on to the next attempt; how long that was. */
  const next = async () => {
    const [delayMs = 0] = time.pending();
    time.advance(delayMs);
    await new Promise((resolve) => setImmediate(resolve));
    return delayMs;
  };
  return { time, mended, mending, next };
}

it("waits longer after each refusal, and tells when it has succeeded", async () => {
  let refusals = 3;
  const { mended, mending, next } = mendingOf(async () => {
    if (refusals-- > 0) throw new Error("still full");
  });
  mending.start(new Error("full"));
  expect([await next(), await next(), await next(), await next()]).toEqual([200, 400, 800, 1_600]);
  expect(mended).toEqual([3_000]);
});

it("a disk that opens and refuses the next batch is not tried at once again and again", async () => {
  const { time, mending, next } = mendingOf(async () => {});
  const waits: number[] = [];
  for (let i = 0; i < 10; i++) {
    mending.start(new Error("full"));
    waits.push(await next());
  }
  expect(waits.slice(0, 4)).toEqual([200, 400, 800, 1_600]);
  expect(waits.at(-1)).toBe(30_000);
  time.advance(60_000);
  mending.start(new Error("full"));
  expect(await next()).toBe(200);
});

it("does nothing after stop", async () => {
  const { time, mending, mended } = mendingOf(async () => {});
  mending.start(new Error("full"));
  mending.stop();
  time.advance(100_000);
  mending.start(new Error("full"));
  expect(time.pending()).toEqual([]);
  expect(mended).toEqual([]);
});
