import { expect, test } from "vitest";
import { certificateAge, lookAgainMs } from "../../../../agent/identity/certificate-age.ts";

const day = 86_400_000;
const life = { issuedAt: 0, notAfter: 30 * day };

test.each([
  [0, "fresh"],
  [20 * day - 1, "fresh"],
  [20 * day, "due"],
  [30 * day - 1, "due"],
  [30 * day, "over"],
  [-2 * day, "fresh"],
])("at %d a certificate of 30 days is %s", (now, age) => {
  expect(certificateAge(life, now)).toBe(age);
});

test.each([
  [30 * day, 3_600_000],
  [60_000, 2_000],
  [1_000, 1_000],
])("a life of %d ms is looked at every %d ms", (notAfter, every) => {
  expect(lookAgainMs({ issuedAt: 0, notAfter })).toBe(every);
});
