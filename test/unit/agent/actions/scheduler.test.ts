/** The scheduler tells the hub that it may go on, once, when enough places are free. */
import { expect, test } from "vitest";
import { Scheduler } from "../../../../agent/actions/scheduler.ts";
import { silentLogger } from "../../../../shared/log.ts";

const queued = (execution: string) => ({ execution, size: 1, action: "a.b", byHand: true });

test("a full queue asks for more when a part of it is free, and only if the hub was told that it is full", async () => {
  let told = 0;
  const scheduler = new Scheduler({
    limits: { concurrency: 1, actions: {}, maxOpen: 200, maxOpenBytes: 1_000_000 },
    run: () => new Promise(() => {}),
    onRoom: () => {
      told++;
    },
    log: silentLogger,
  });
  for (let i = 0; i < 200; i++) scheduler.add(queued(`x${i}`));
  scheduler.withdraw("x0");
  scheduler.add(queued("x0"));
  expect(told).toBe(0);
  expect(scheduler.credit().entries).toBe(0);
  scheduler.withdraw("x1");
  expect(told).toBe(0);
  scheduler.withdraw("x2");
  scheduler.withdraw("x3");
  expect(told).toBe(1);
});
