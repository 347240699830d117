import { expect, test } from "vitest";
import { setPaths } from "../../../../hub/http/config-paths.ts";

const config = { log: "/var/log/x", sensor: { directories: ["/a"], depth: 2 } };

test.each([
  ["sets an attribute", { log: "/y" }, { ...config, log: "/y" }],
  [
    "sets an inner one and keeps its neighbors",
    { "sensor.depth": 3 },
    { ...config, sensor: { directories: ["/a"], depth: 3 } },
  ],
  ["makes the groups on the way", { "a.b.c": 1 }, { ...config, a: { b: { c: 1 } } }],
  ["replaces a value by a group", { "log.level": 1 }, { ...config, log: { level: 1 } }],
  [
    "removes an attribute with null",
    { "sensor.depth": null },
    { ...config, sensor: { directories: ["/a"] } },
  ],
  [
    "takes several at once",
    { log: "/y", "sensor.depth": 3 },
    { log: "/y", sensor: { directories: ["/a"], depth: 3 } },
  ],
])("%s", (_what, changes, expected) => {
  expect(setPaths(config, changes)).toEqual(expected);
});

test("a name from JavaScript's own world is a name like any other", () => {
  const changed = setPaths({}, { "__proto__.polluted": true });
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(JSON.stringify(changed)).toBe('{"__proto__":{"polluted":true}}');
});
