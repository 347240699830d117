import { describe, expect, test } from "vitest";
import { type AgedBlob, expiredBlobs } from "../../../../shared/blobs/expire.ts";

const hour = 3_600_000;
const limits = { youngMs: hour, maxAgeMs: 24 * hour, maxBytes: 100 };
const now = 1_000 * hour;
const blob = (digest: string, ageHours: number, size = 10): AgedBlob => ({
  digest,
  size,
  storedAt: now - ageHours * hour,
});
const nobody = () => false;

describe("blobs that have outlived their use", () => {
  test("go when nothing names them and their time is over", () => {
    expect(expiredBlobs([blob("a", 25), blob("b", 23)], nobody, limits, now)).toEqual(["a"]);
  });

  test("stay while a record names them, however old they are", () => {
    expect(expiredBlobs([blob("a", 25), blob("b", 30)], (digest) => digest === "a", limits, now)).toEqual([
      "b",
    ]);
  });

  test("stay while they are young, since the record that names them may be on its way", () => {
    const large = blob("a", 0.5, 1_000);
    expect(expiredBlobs([large], nobody, limits, now)).toEqual([]);
  });

  test("go before their time, oldest first, when there are too many", () => {
    const blobs = [blob("new", 2, 60), blob("old", 5, 60), blob("older", 6, 60)];
    expect(expiredBlobs(blobs, nobody, limits, now)).toEqual(["older", "old"]);
  });
});
