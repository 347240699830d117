import fc from "fast-check";
import { expect, test } from "vitest";
import { Door } from "../../../../hub/access/door.ts";
import { originOf } from "../../../../hub/access/origin.ts";
import { isLoopback } from "../../../../shared/config/listen.ts";

test("an address has its share, and gets it back", () => {
  const door = new Door({ perAddress: 2, isExempt: isLoopback });
  expect(["192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "192.0.2.2:3"].map((one) => door.come(one))).toEqual([
    true,
    true,
    false,
    true,
  ]);
  door.left("192.0.2.1:1");
  door.left("192.0.2.1:1");
  expect([door.come("192.0.2.1:4"), door.come("192.0.2.1:5")]).toEqual([true, false]);
});

test("a /64 of IPv6 is one address, an IPv4 address is itself however it is written; this machine is exempt", () => {
  const door = new Door({ perAddress: 1, isExempt: isLoopback });
  const rows = [
    ["[2001:db8::1]:1", true],
    ["[2001:db8::2]:1", false],
    ["[2001:db8:0:1::2]:1", true],
    ["192.0.2.1:1", true],
    ["[::ffff:192.0.2.1]:2", false],
    ["127.0.0.1:1", true],
    ["127.0.0.1:2", true],
    ["[::1]:1", true],
    ["[::1]:2", true],
  ] as const;
  expect(rows.map(([address]) => [address, door.come(address)])).toEqual(rows);
});

test("nobody ever has more than the share, and everybody has all of it once all have gone", () => {
  const address = fc.record({ host: fc.integer({ min: 1, max: 3 }), port: fc.integer({ min: 1, max: 9 }) });
  const step = fc.record({ comes: fc.boolean(), address });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80 }), (perAddress, steps) => {
      const door = new Door({ perAddress, isExempt: () => false });
      const inside = new Set<string>();
      const of = (one: string) => [...inside].filter((other) => originOf(other) === originOf(one)).length;
      for (const { comes, address } of steps) {
        const one = `10.0.0.${address.host}:${address.port}`;
        if (!comes) {
          door.left(one);
          inside.delete(one);
        } else if (!inside.has(one)) {
          const mayCome = of(one) < perAddress;
          expect(door.come(one)).toBe(mayCome);
          if (mayCome) inside.add(one);
        }
      }
      for (const one of inside) door.left(one);
      for (let port = 0; port < perAddress; port++) expect(door.come(`10.0.0.1:${port}`)).toBe(true);
      expect(door.come("10.0.0.1:99")).toBe(false);
    }),
  );
});
