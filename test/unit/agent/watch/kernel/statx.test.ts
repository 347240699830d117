import { expect, test } from "vitest";
import { Statx } from "../../../../../agent/watch/kernel/statx.ts";

/** Offsets in struct statx. */
const [ofContent, ofElse] = [
  [32, 40, 96, 104, 112, 120],
  [16, 20, 64, 80, 124],
];

test("a file is still the same by its inode, size and both times, and by nothing else", () => {
  const [now, then] = [new Statx(), new Statx()];
  expect(now.isStill(then)).toBe(true);
  for (const at of ofContent ?? []) {
    now.bytes[at] = 1;
    expect(now.isStill(then), `offset ${at}`).toBe(false);
    now.bytes[at] = 0;
  }
  for (const at of ofElse ?? []) now.bytes[at] = 1;
  expect(now.isStill(then)).toBe(true);
});
