/** Chores: each in its own rhythm, whatever becomes of the others. */
import { expect, it } from "vitest";
import { startChores } from "../../../shared/chores.ts";
import { createLogger } from "../../../shared/log.ts";
import { manualTime } from "../../support/manual-time.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

function start(works: Readonly<Record<string, () => Promise<number | undefined>>>) {
  const time = manualTime();
  const lines: string[] = [];
  const log = createLogger({
    level: "info",
    format: "text",
    write: (line) => lines.push(line),
    now: () => 0,
  });
  const named = Object.entries(works).map(([name, work]) => ({ name, firstAfterMs: 10, everyMs: 100, work }));
  return { time, lines, chores: startChores(named, { timers: time.timers, log }) };
}

it("a chore that fails is tried again at its next time, and does not hold up the others", async () => {
  let good = 0;
  let bad = 0;
  const { time, lines } = start({
    bad: async () => {
      bad++;
      throw new Error("the disk refuses");
    },
    good: async () => {
      good++;
      return undefined;
    },
  });
  for (let i = 0; i < 4; i++) {
    time.advance(i === 0 ? 10 : 100);
    await settle();
  }
  expect([bad, good]).toEqual([4, 4]);
  expect(lines).toHaveLength(4);
  expect(lines[0]).toContain("what=bad");
});

it("a chore with more to do goes on when it says, and is never done twice at a time", async () => {
  let rounds = 0;
  let end = () => {};
  const { time } = start({
    purge: () => {
      rounds++;
      return new Promise((resolve) => {
        end = () => resolve(rounds < 3 ? 5 : undefined);
      });
    },
  });
  time.advance(10);
  time.advance(1_000);
  expect(rounds).toBe(1);
  for (const waitMs of [5, 5, 100]) {
    end();
    await settle();
    expect(time.pending()).toEqual([waitMs]);
    time.advance(waitMs);
  }
  expect(rounds).toBe(4);
});

it("stop waits for what is under way, and nothing begins after it", async () => {
  let rounds = 0;
  let end = () => {};
  const { time, chores } = start({
    slow: () => {
      rounds++;
      return new Promise((resolve) => {
        end = () => resolve(1);
      });
    },
  });
  time.advance(10);
  let isStopped = false;
  const stopped = chores.stop().then(() => {
    isStopped = true;
  });
  await settle();
  expect(isStopped).toBe(false);
  end();
  await stopped;
  time.advance(10_000);
  expect(rounds).toBe(1);
});
