/** What the journal need not look for: never something that is there, and mostly all that is not. */
import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { KnownExecutions } from "../../../../agent/actions/known-executions.ts";
import { ulidSource } from "../../../../shared/ids.ts";

const ids = (count: number, at: number) => {
  const newId = ulidSource({ now: () => at++ }, randomBytes);
  return Array.from({ length: count }, newId);
};

it("never denies what was added, under whatever time it is named", () => {
  const known = new KnownExecutions();
  const added = ids(20_000, 1_800_000_000_000);
  for (const id of added) known.add(id);
  for (const id of added) {
    expect(known.mayHave(id)).toBe(true);
    expect(known.mayHave(`01ABCDEFGH${id.slice(10)}`)).toBe(true);
  }
});

it("denies nearly all others, also those of one millisecond, which differ in their end alone", () => {
  for (const step of [1, 0]) {
    let at = 1_800_000_000_000;
    const newId = ulidSource({ now: () => (at += step) }, randomBytes);
    const known = new KnownExecutions();
    for (let i = 0; i < 20_000; i++) known.add(newId());
    let mistaken = 0;
    for (let i = 0; i < 20_000; i++) if (known.mayHave(newId())) mistaken++;
    expect(mistaken).toBeLessThan(200);
  }
});

it("knows nothing at first", () => {
  const known = new KnownExecutions();
  for (const id of [...ids(100, 5), "", "short"]) expect(known.mayHave(id)).toBe(false);
});
