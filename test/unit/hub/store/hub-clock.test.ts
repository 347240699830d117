import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHubClock } from "../../../../hub/store/hub-clock.ts";

function hostClock(wall: number) {
  const host = { wall, monotonic: 0.25 };
  return { host, clock: { now: () => host.wall, monotonic: () => host.monotonic } };
}

describe("hub time", () => {
  it("follows the host's clock while that goes forward", () => {
    const { host, clock } = hostClock(1000);
    const hub = createHubClock(clock, 0);
    expect(hub.now()).toBe(1000);
    host.wall = 5000;
    expect(hub.now()).toBe(5000);
  });

  it("starts where the store had come to, goes on from there, and waits for the host to catch up", () => {
    const { host, clock } = hostClock(1000);
    const hub = createHubClock(clock, 3000);
    expect(hub.now()).toBe(3000);
    host.wall += 500;
    host.monotonic += 500;
    expect(hub.now()).toBe(3500);
    host.wall = 9000;
    expect(hub.now()).toBe(9000);
  });

  it("never goes back and never stands still, wherever the host's clock is set", () => {
    const step = fc.record({ jump: fc.integer({ min: -5000, max: 5000 }), passed: fc.nat(1000) });
    fc.assert(
      fc.property(fc.nat(10_000), fc.array(step), (highWater, steps) => {
        const { host, clock } = hostClock(5000);
        const hub = createHubClock(clock, highWater);
        let last = hub.now();
        expect(last).toBeGreaterThanOrEqual(highWater);
        for (const { jump, passed } of steps) {
          host.wall += jump + passed;
          host.monotonic += passed;
          const now = hub.now();
          expect(now).toBeGreaterThanOrEqual(last + passed - 1);
          expect(Number.isInteger(now)).toBe(true);
          last = now;
        }
      }),
    );
  });
});
