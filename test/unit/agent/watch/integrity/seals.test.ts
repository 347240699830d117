import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { Seal } from "../../../../../agent/watch/integrity/seal.ts";
import { openRow, rowHash, sealRow } from "../../../../../agent/watch/integrity/sealed-row.ts";
import { Tally } from "../../../../../agent/watch/integrity/tally.ts";
import { decodeRecord, encodeRecord } from "../../../../../agent/watch/record.ts";

const seal = new Seal(Buffer.alloc(32, 1));
const otherSeal = new Seal(Buffer.alloc(32, 2));

const record = encodeRecord({
  stat: {
    ...{ kind: "file", mode: 0o644, links: 1, uid: 0, gid: 0, size: 5n, ino: 7n },
    ...{ mtimeNs: 1n, ctimeNs: 2n, birthNs: 3n },
  },
  extras: { digest: "ab".repeat(32), xattrs: { "user.a": "AA==" } },
  version: 3,
});

test("a sealed row holds its record, and any other bit or name shows", () => {
  const { row, hash } = sealRow(seal, "b\0etc", record);
  expect(rowHash(seal, "b\0etc", row)).toBe(hash);
  expect(decodeRecord(openRow(row))).toEqual(decodeRecord(record));
  expect(rowHash(seal, "b\0etd", row)).toBeNull();
  expect(rowHash(otherSeal, "b\0etc", row)).toBeNull();
  for (let bit = 0; bit < row.length * 8; bit++) {
    const edited = Buffer.from(row);
    edited[bit >> 3] = (edited[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(rowHash(seal, "b\0etc", edited), `bit ${bit}`).toBeNull();
  }
});

test("what a version without seals wrote has none, and is read all the same", () => {
  expect(rowHash(seal, "b\0etc", record)).toBeNull();
  expect(openRow(record)).toEqual(record);
});

test("where a name ends and the content begins is part of the hash", () => {
  expect(seal.hash("ab", Buffer.from("c"))).not.toBe(seal.hash("a", Buffer.from("bc")));
  const long = "x".repeat(5_000);
  expect(seal.hash(long, Buffer.from("c"))).toBe(new Seal(Buffer.alloc(32, 1)).hash(long, Buffer.from("c")));
});

/** Numbers that are the same in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state >>> 8;
  }
}

test("the same rows have the same tally after any additions, replacements and removals in any order", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = numbers(seed);
    const below = (limit: number) => random.next().value % limit;
    const rows = new Map<string, string>();
    const tally = new Tally();
    for (let step = 0; step < 300; step++) {
      const key = `b\0${below(40)}`;
      const before = rows.get(key);
      if (before !== undefined) tally.remove(before);
      if (below(3) === 0) rows.delete(key);
      else {
        const hash = seal.hash(key, Buffer.from(String(below(1_000))));
        rows.set(key, hash);
        tally.add(hash);
      }
    }
    const again = new Tally();
    const sorted = [...rows.values()].sort();
    for (const hash of seed % 2 === 0 ? sorted : sorted.reverse()) again.add(hash);
    expect(tally.state()).toEqual(again.state());
    expect(again.lackingTo(tally.state().sum)).toBe(0n);
    const [one] = sorted;
    if (one === undefined) continue;
    again.remove(one);
    expect(again.lackingTo(tally.state().sum)).toBe(BigInt(`0x${one}`));
  }
});
