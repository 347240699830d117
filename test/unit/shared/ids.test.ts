/** Ids: in the order they were made, and the same for the same parts. */
import { describe, expect, test } from "vitest";
import { derivedId, isUlid, ulidSource, ulidTime } from "../../../shared/ids.ts";
import { systemRandom } from "../../../shared/system-process.ts";

describe("ULIDs", () => {
  test("of one millisecond count up, with carries, also while the clock steps back", () => {
    let now = 1_700_000_000_000;
    const newId = ulidSource({ now: () => now }, (length) => new Uint8Array(length).fill(255));
    const ids = Array.from({ length: 70_000 }, (_, i) => {
      if (i === 100) now -= 60_000;
      return newId();
    });
    expect(ids.every(isUlid)).toBe(true);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ulidTime(ids.at(-1) ?? "")).toBe(1_700_000_000_000);
  });

  test("carry the bytes they were given", () => {
    const newId = ulidSource({ now: () => 1 }, () => Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
    expect([newId(), newId()]).toEqual(["0000000001041061050R3GG28A", "0000000001041061050R3GG28B"]);
  });

  test("that are derived are the same for the same parts", () => {
    const id = derivedId(1_700_000_000_000, "instance", "pack.rule", "web-1", 1);
    expect(id).toBe(derivedId(1_700_000_000_000, "instance", "pack.rule", "web-1", 1));
    expect(id).toBe("01HF7YAT00HS2C3CNR4FWKRPJY");
    expect(id).not.toBe(derivedId(1_700_000_000_000, "instance", "pack.rule", "web-1", 2));
  });
});

test("random bytes are given out once, however they are asked for", () => {
  const seen = Array.from({ length: 2_000 }, () => Buffer.from(systemRandom(10)).toString("hex"));
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.some((text) => text === "0".repeat(20))).toBe(false);
  expect(systemRandom(5_000)).toHaveLength(5_000);
});
