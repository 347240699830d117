import { expect, it } from "vitest";
import { createBreath } from "../../../shared/breath-process.ts";

it("the event loop turns after ten milliseconds of computing, and not before", async () => {
  const time = { at: 0 };
  const breathe = createBreath({ monotonic: () => time.at });
  let turns = 0;
  let ends = false;
  const count = () => {
    turns++;
    if (!ends) setImmediate(count);
  };
  setImmediate(count);
  for (let i = 0; i < 9; i++) {
    await breathe();
    time.at += 1;
  }
  expect(turns).toBe(0);
  time.at += 1;
  await breathe();
  expect(turns).toBeGreaterThan(0);
  const before = turns;
  for (let i = 0; i < 100; i++) {
    await breathe();
    time.at += 1;
  }
  expect(turns - before).toBeGreaterThanOrEqual(8);
  expect(turns - before).toBeLessThanOrEqual(12);
  ends = true;
});
