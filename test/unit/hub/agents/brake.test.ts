/** How long an agent is left unread for what it sent in vain. */
import { expect, test } from "vitest";
import { Brake } from "../../../../hub/agents/brake.ts";

test("whoever wastes the hub's time gets a twentieth of it at most, however it is cut into messages", () => {
  for (const tookMs of [0.2, 3, 20]) {
    const brake = new Brake();
    let at = 1_000;
    let wasted = 0;
    while (at < 61_000) {
      wasted += tookMs;
      at += tookMs;
      at += brake.wasted(tookMs, at);
    }
    expect(wasted / 60_000).toBeLessThan(0.06);
    expect(wasted / 60_000).toBeGreaterThan(0.03);
  }
});

test("messages that came at once are paid for one after the other, for a second at most", () => {
  const brake = new Brake();
  expect([brake.wasted(2, 0), brake.wasted(2, 0), brake.wasted(0, 0)]).toEqual([40, 80, 82]);
  expect(brake.wasted(500, 0)).toBe(1_000);
  expect(brake.wasted(2, 5_000)).toBe(40);
});
