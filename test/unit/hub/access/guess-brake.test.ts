import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GuessBrake } from "../../../../hub/access/guess-brake.ts";
import { network } from "../../../../hub/access/origin.ts";

const limits = { failures: 3, forgiveMs: 1_000, addresses: 3 };
const failing = (brake: GuessBrake, address: string, times: number, at = 0) => {
  for (let i = 0; i < times; i++) brake.failed(address, at);
};

describe("an address with wrong keys", () => {
  test("is refused after so many, is told so once, and is listened to again after a while", () => {
    const brake = new GuessBrake(limits);
    failing(brake, "10.0.0.1", 2);
    expect(brake.verdict("10.0.0.1", "k", 0)).toBe("listen");
    failing(brake, "10.0.0.1", 1);
    expect(brake.verdict("10.0.0.1", "k", 0)).toBe("refuse-first");
    expect(brake.verdict("10.0.0.1", "k", 10)).toBe("refuse");
    expect(brake.retryAfter("10.0.0.1", 10)).toBe(1);
    expect(brake.verdict("10.0.0.1", "k", 1_001)).toBe("listen");
    expect(brake.verdict("10.0.0.2", "k", 10)).toBe("listen");
  });

  test("does not lock out a key that was right from there before", () => {
    const brake = new GuessBrake(limits);
    brake.succeeded("10.0.0.1", "good", 0);
    failing(brake, "10.0.0.1", 50);
    expect(brake.verdict("10.0.0.1", "good", 0)).toBe("listen");
    expect(brake.verdict("10.0.0.1", "other", 0)).toBe("refuse-first");
  });

  test("makes its network wait, where a host has one to itself", () => {
    const brake = new GuessBrake(limits);
    failing(brake, "2001:db8::1", 3);
    expect(brake.verdict("2001:db8::ffff:2", null, 0)).toBe("refuse-first");
    expect(brake.verdict("2001:db8:0:1::1", null, 0)).toBe("listen");
  });

  test("is forgotten when many others come", () => {
    const brake = new GuessBrake(limits);
    failing(brake, "a", 3);
    for (const other of ["b", "c", "d"]) failing(brake, other, 1);
    expect(brake.verdict("a", null, 0)).toBe("listen");
  });

  test("never has more attempts in a time than its share", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }), (pauses) => {
        const brake = new GuessBrake(limits);
        let now = 0;
        let tried = 0;
        for (const pause of pauses) {
          now += pause;
          if (brake.verdict("x", "k", now) !== "listen") continue;
          tried++;
          brake.failed("x", now);
        }
        // One more each time that less than a whole failure was forgiven.
        expect(tried).toBeLessThanOrEqual(limits.failures + 1 + Math.ceil(now / limits.forgiveMs) * 2);
      }),
    );
  });
});

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
])("%s is of %s", (address, expected) => {
  expect(network(address)).toBe(expected);
});
