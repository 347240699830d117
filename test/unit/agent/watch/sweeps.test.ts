import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Scope } from "../../../../agent/watch/gather-fs.ts";
import { Sweeps } from "../../../../agent/watch/sweeps.ts";
import { manualTime } from "../../../support/manual-time.ts";

const scope: Scope = {
  only: () => true,
  mayEnter: () => true,
  looked: () => {},
  unreadable: () => {},
  told: () => {},
};

/** Sweeps over a tree of some batches of 500 paths. */
function sweeping(batches: number, { every = 3_600, fullEvery = 7_200, workMs = 0, bytes = 0 } = {}) {
  const time = manualTime();
  const logged: string[] = [];
  const done: { full: boolean; batches: number }[] = [];
  const note = (message: string) => logged.push(message);
  const sweeps = new Sweeps({
    everySeconds: every,
    fullEverySeconds: fullEvery,
    budget: { cpuPercent: 25, bytesPerSecond: 1_000_000 },
    engine: {
      async sweep(full, pace) {
        const sweep = { full, batches: 0 };
        done.push(sweep);
        for (let n = 0; n < batches; n++) {
          sweep.batches++;
          if (workMs > 0) time.advance(workMs);
          await pace(500, bytes);
        }
        return batches;
      },
    },
    ...time,
    log: { debug: note, info: note, warn: note, error: note },
  });
  /** So that what waits for a timer goes on. */
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      time.advance(1_000);
      for (let n = 0; n < 5; n++) await turn();
    }
  };
  return { sweeps, done, logged, pass, time };
}

describe("slow sweeps", () => {
  test("keep their rate, say what they found, and take digests when it is time for that", async () => {
    const { sweeps, done, logged, pass } = sweeping(4, { every: 60, fullEvery: 100 });
    sweeps.start();
    await pass(60);
    expect(done).toEqual([{ full: false, batches: 1 }]);
    // 500 paths at 200 a second.
    await pass(3);
    expect(done).toEqual([{ full: false, batches: 2 }]);
    await pass(10);
    expect(sweeps.report()).toMatchObject({
      paths: 2_000,
      last: { full: false, looked: 2_000, differences: 4 },
    });
    expect(logged).toEqual(["a sweep over 2000 paths found 4 changes that no event had told"]);
    await pass(60);
    expect(done[1]).toMatchObject({ full: true });
    await sweeps.stop();
  });

  test("never happen when they are off", async () => {
    const { sweeps, pass, done } = sweeping(1, { every: 0 });
    sweeps.start();
    await pass(10);
    expect(done).toEqual([]);
    expect(sweeps.report()).toEqual({ everySeconds: 0, fullEverySeconds: 0, paths: null, last: null });
  });

  test("end at once with their sensor, without a word, and no other begins", async () => {
    const { sweeps, done, logged, pass, time } = sweeping(4, { every: 60 });
    sweeps.start();
    await pass(60);
    await sweeps.stop();
    expect(done).toEqual([{ full: false, batches: 1 }]);
    expect([logged, time.pending()]).toEqual([[], []]);
    await pass(120);
    expect(done).toHaveLength(1);
  });
});

test("a sweep that is asked for begins at once, and fails when the sensor stops", async () => {
  const { sweeps, pass, done } = sweeping(3);
  const found = sweeps.now(true, scope);
  await pass(4);
  expect(await found).toBe(3);
  const ended = sweeps.now(false, scope).catch((error: Error) => error.message);
  await turn();
  await sweeps.stop();
  expect(await ended).toBe("the sensor stops");
  expect(done).toEqual([
    { full: true, batches: 3 },
    { full: false, batches: 1 },
  ]);
});

describe("a sweep that is asked for keeps the budget", () => {
  test("of one core: three times as much pause as work, and twice of that beside another one", async () => {
    const { sweeps, done, pass } = sweeping(1_000, { workMs: 500 });
    const ended = sweeps.now(false, scope).catch(() => {});
    // Half a second of work, one and a half of pause; work makes time pass, too.
    await pass(20);
    const [alone] = done;
    expect(alone?.batches).toBeGreaterThanOrEqual(10);
    expect(alone?.batches).toBeLessThanOrEqual(13);
    const second = sweeps.now(false, scope).catch(() => {});
    const before = alone?.batches ?? 0;
    await pass(40);
    const both = (alone?.batches ?? 0) - before + (done[1]?.batches ?? 0);
    expect(both).toBeLessThanOrEqual(30);
    await sweeps.stop();
    await Promise.all([ended, second]);
  });

  test("of the disk: no more bytes a second", async () => {
    const { sweeps, done, pass } = sweeping(1_000, { bytes: 4_000_000 });
    const ended = sweeps.now(true, scope).catch(() => {});
    await pass(40);
    expect(done[0]?.batches).toBeGreaterThanOrEqual(9);
    expect(done[0]?.batches).toBeLessThanOrEqual(11);
    await sweeps.stop();
    await ended;
  });
});
