import fc from "fast-check";
import { expect, test } from "vitest";
import { Door, type Leave } from "../../../../hub/access/door.ts";
import { originOf } from "../../../../hub/access/origin.ts";
import { isLoopback } from "../../../../shared/config/listen.ts";

test("an address has its share, and gets it back", () => {
  const door = new Door({ perAddress: 2, isExempt: isLoopback });
  const come = (address: string) => door.come(address) !== null;
  const leave = door.come("192.0.2.1:1");
  expect(["192.0.2.1:2", "192.0.2.1:3", "192.0.2.2:3"].map(come)).toEqual([true, false, true]);
  leave?.();
  leave?.();
  expect(["192.0.2.1:4", "192.0.2.1:5"].map(come)).toEqual([true, false]);
});

test("who has shown who it is counts no more, and its end takes nobody else's place", () => {
  const door = new Door({ perAddress: 1, isExempt: isLoopback });
  const leave = door.come("192.0.2.1:1");
  door.shown("192.0.2.1:1");
  expect(door.come("192.0.2.1:1")).not.toBeNull();
  leave?.();
  expect(door.come("192.0.2.1:2")).toBeNull();
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
  expect(rows.map(([address]) => [address, door.come(address) !== null])).toEqual(rows);
});

test("nobody ever has more than the share, and everybody has all of it once all have gone", () => {
  const address = fc.record({ host: fc.integer({ min: 1, max: 3 }), port: fc.integer({ min: 1, max: 3 }) });
  const step = fc.record({
    what: fc.constantFrom("comes", "comes", "leaves", "shown"),
    address,
    which: fc.nat(99),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80 }), (perAddress, steps) => {
      const door = new Door({ perAddress, isExempt: () => false });
      // One address may be there more than once: those before were reset, and have not left yet.
      let inside: { readonly at: string; readonly leave: Leave }[] = [];
      const cameFrom = new Map<Leave, string>();
      const of = (at: string) => inside.filter((other) => originOf(other.at) === originOf(at)).length;
      for (const { what, address, which } of steps) {
        const at = `10.0.0.${address.host}:${address.port}`;
        if (what === "comes") {
          const mayCome = of(at) < perAddress;
          const leave = door.come(at);
          expect(leave !== null).toBe(mayCome);
          if (leave === null) continue;
          inside.push({ at, leave });
          cameFrom.set(leave, at);
        } else if (what === "leaves") {
          // Also one that has left, or has shown itself, before.
          const leave = [...cameFrom.keys()][which % Math.max(1, cameFrom.size)];
          leave?.();
          inside = inside.filter((one) => one.leave !== leave);
        } else {
          door.shown(at);
          // The newest from there, unless it has left: those before it stay counted until they end.
          const newest = [...cameFrom].filter(([, from]) => from === at).at(-1)?.[0];
          inside = inside.filter((one) => one.leave !== newest);
        }
      }
      for (const leave of cameFrom.keys()) leave();
      for (let port = 0; port < perAddress; port++) expect(door.come(`10.0.0.1:${port}`)).not.toBeNull();
      expect(door.come("10.0.0.1:99")).toBeNull();
    }),
  );
});
