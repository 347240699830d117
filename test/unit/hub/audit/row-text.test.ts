/** Rows as text: what is written is read again as it was, the old form says the same, and nothing else is a row. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { beforeFirst, type ChainItem, type ChainRow, nextRow, sha256 } from "../../../../hub/audit/chain.ts";
import { parseRow, rowText } from "../../../../hub/audit/row-text.ts";
import { keyOfItem, rootsOf } from "../../../../hub/store/chain-items.ts";
import { formOne } from "../../../support/audit.ts";

const text = fc.string({ unit: "grapheme" });
const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 });
/** Also what no hub has written: an item that somebody changed is carried on as it is. */
const digest = fc.oneof(
  { weight: 5, arbitrary: hex },
  text,
  hex.map((digits) => digits.toUpperCase()),
  hex.map((digits) => Buffer.from(digits, "hex").toString("base64url")),
);
const count = fc.nat();
const kind = fc.constantFrom(
  "instance" as const,
  "enforcement" as const,
  "execution" as const,
  "rule" as const,
);
const orNull = <T>(given: fc.Arbitrary<T>) => fc.option(given, { nil: null });

type Fields<T extends ChainItem> = { [K in keyof Required<T>]: fc.Arbitrary<Required<T>[K]> };
type Of<W extends ChainItem["what"]> = Extract<ChainItem, { readonly what: W }>;
/** Each kind with all that it may have; what it need not have is there and is not. */
const kinds: { [W in ChainItem["what"]]: fc.Arbitrary<ChainItem> } = {
  instance: item<Of<"instance">>(
    {
      ...{ what: fc.constant("instance"), id: text, digest, place: text, trigger: text, status: text },
      ...{ payload: digest, carried: count },
    },
    ["carried"],
  ),
  enforcement: item<Of<"enforcement">>(
    {
      ...{ what: fc.constant("enforcement"), id: text, digest, instance: text, rule: text, status: text },
      ...{ rule_digest: orNull(digest), shadow: fc.boolean(), carried: count },
    },
    ["carried"],
  ),
  execution: item<Of<"execution">>(
    {
      ...{ what: fc.constant("execution"), id: text, digest, instance: orNull(text), action: text },
      ...{ enforcement: orNull(text), agent: text, status: text, rev: count, result: orNull(digest) },
      carried: count,
    },
    ["carried"],
  ),
  rule: item<Of<"rule">>(
    { what: fc.constant("rule"), id: text, digest, rev: count, definition: digest, carried: count },
    ["carried"],
  ),
  removed: item<Of<"removed">>(
    { what: fc.constant("removed"), of: kind, id: text, root: text, place: text, carried: count },
    ["place", "carried"],
  ),
  sent: item<Of<"sent">>(
    {
      ...{ what: fc.constant("sent"), id: text, kind: text, agent: text, epoch: text, n: count },
      ...{ execution: orNull(text), root: orNull(text), digest },
    },
    [],
  ),
  opened: item<Of<"opened">>({ what: fc.constant("opened"), incarnation: text, older: count }, ["older"]),
  dropped: item<Of<"dropped">>(
    { what: fc.constant("dropped"), seq: count, hash: digest, began: text, older: count },
    ["older"],
  ),
};

function item<T extends ChainItem>(
  fields: Fields<T>,
  optional: readonly (keyof T)[],
): fc.Arbitrary<ChainItem> {
  const requiredKeys = (Object.keys(fields) as (keyof T)[]).filter((name) => !optional.includes(name));
  return fc.record(fields as { [K in keyof T]: fc.Arbitrary<T[K]> }, {
    requiredKeys,
    noNullPrototype: true,
  }) as unknown as fc.Arbitrary<ChainItem>;
}

const rowOf = (items: fc.Arbitrary<ChainItem[]>): fc.Arbitrary<ChainRow> =>
  fc.record({ seq: fc.nat(), at: text, prev: digest, items }, { noNullPrototype: true });

describe.each(Object.entries(kinds))("an item of kind %s", (_, given) => {
  test("is read as it was written, and as the old form says it", () => {
    fc.assert(
      fc.property(rowOf(fc.array(given, { minLength: 1, maxLength: 3 })), (row) => {
        expect(parseRow(rowText(row))).toStrictEqual(row);
        expect(parseRow(formOne(row))).toStrictEqual(row);
      }),
    );
  });
});

test("a row of many kinds is read as it was written, in both forms, and its text is always the same", () => {
  fc.assert(
    fc.property(rowOf(fc.array(fc.oneof(...Object.values(kinds)), { maxLength: 12 })), (row) => {
      const written = rowText(row);
      const read = parseRow(written);
      expect(read).toStrictEqual(row);
      expect(parseRow(formOne(row))).toStrictEqual(read);
      expect(read && rowText(read)).toBe(written);
    }),
  );
});

test("whatever an old row was made to say of a record is said again as it was", () => {
  const said = fc.oneof(fc.jsonValue(), fc.constant(undefined));
  fc.assert(
    fc.property(hex, said, said, said, (id, digested, payload, status) => {
      const forged = { what: "instance", id, digest: digested, place: "1", trigger: "", status, payload };
      const row = parseRow(JSON.stringify({ v: 1, seq: 1, at: "", prev: "", items: [forged] }));
      const [item] = (row && parseRow(rowText(row)))?.items ?? [];
      // What was not there is null: neither is a digest.
      expect(item).toEqual({
        ...JSON.parse(JSON.stringify(forged, (_, value) => value ?? null)),
        ...{ digest: plain(digested), payload: plain(payload), status: plain(status) },
      });
    }),
  );
});

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));

test("the next row is of the new form, half as long, and its hash is that of its text, in hex", () => {
  const items: ChainItem[] = [
    {
      ...{ what: "execution", id: "01M8NXSM3H6RD0AGACK9566W1M", digest: sha256("a"), instance: null },
      ...{ enforcement: null, action: "core.local", agent: "web-1", status: "failed", rev: 3 },
      result: sha256("b"),
    },
  ];
  const first = nextRow(null, "2026-11-22T12:00:00.000Z", []);
  const { text, head } = nextRow(first.head, "2026-11-22T12:00:01.000Z", items);
  expect(first.text).toBe(`[2,1,"2026-11-22T12:00:00.000Z","${"A".repeat(43)}",[]]`);
  expect(parseRow(first.text)?.prev).toBe(beforeFirst);
  expect(parseRow(text)).toEqual({ seq: 2, at: head.at, prev: first.head.hash, items });
  expect(head).toEqual({ seq: 2, hash: sha256(text), at: "2026-11-22T12:00:01.000Z" });
  expect(head.hash).toMatch(/^[0-9a-f]{64}$/);
  const [, , , prev, [said]] = JSON.parse(text);
  const base64url = (digits: string) => Buffer.from(digits, "hex").toString("base64url");
  expect(prev).toBe(base64url(first.head.hash));
  expect(said).toEqual([
    ...["e", "01M8NXSM3H6RD0AGACK9566W1M", base64url(sha256("a")), null, null],
    ...["core.local", "web-1", "failed", 3, base64url(sha256("b"))],
  ]);
  expect(text.length / formOne({ seq: 2, at: head.at, prev: first.head.hash, items }).length).toBeLessThan(
    0.65,
  );
});

const digestText = "A".repeat(43);
const sent = `["s","","","","",1,null,null,"${digestText}"]`;
const noItems = [
  ["null", "1", '"i"', "{}", "[]", "[null]", "[[]]", '[["i"]]', '["toString"]', '["__proto__"]', '["z","1"]'],
  // Too short and too long.
  [`["i","1","${digestText}","2","t","s"]`, `["i","1","${digestText}","2","t","s","${digestText}",1,1]`],
  [`["n","1","${digestText}","2","r",null,"s"]`, `["n","1","${digestText}","2","r",null,"s",false,1,1]`],
  [
    `["e","1","${digestText}",null,null,"","","",1]`,
    `["e","1","${digestText}",null,null,"","","",1,null,1,1]`,
  ],
  [`["r","1","${digestText}",1]`, `["r","1","${digestText}",1,"${digestText}",1,1]`],
  ['["x","i","1"]', '["x","i","1","1","2",1,1]', '["o"]', '["o","1",1,1]', '["d",1,""]', '["d",1,"","",1,1]'],
  [sent.replace(",null", ""), sent.replace("]", ",1]")],
  // What keys are made of is text, and what was removed is of a kind that there is.
  [
    `["i",{},"${digestText}","2","t","s","${digestText}"]`,
    `["i","1","${digestText}",7,"t","s","${digestText}"]`,
  ],
  [`["n","1","${digestText}",[],"r",null,"s",false]`, `["n","1","${digestText}","1",true,null,"s",false]`],
  [`["e",1,"${digestText}",null,null,"","","",1,null]`, `["e","1","${digestText}",{},null,"","","",1,null]`],
  [
    `["r",["1"],"${digestText}",1,"${digestText}"]`,
    '["x","i","1","1",2]',
    '["x","i","1",{}]',
    '["x","i",1,"1"]',
  ],
  ['["x","z","1","1"]', '["x","toString","1","1"]', '["x",{"toString":1},"1","1"]', '["x",null,"1","1"]'],
  [sent.replace('"s",""', '"s",1'), sent.replace("null,null", "null,1")],
].flat();

test.for([
  ...["", "[]", "null", "2", "{}", '{"v":1}', "[2]", '[3,1,"","",[]]', '[1,1,"","",[]]', '["2",1,"","",[]]'],
  ...['[2,1,"",""]', '[2,1,"","",[],1]', '[2,1,"","",{}]', '[2,1,"","",null]', '[2,1.5,"","",[]]'],
  ...['[2,"1","","",[]]', '[2,1e300,"","",[]]', '[2,1,1,"",[]]', '[2,1,"",1,[]]', '[2,1,"",null,[]]'],
  ...['[2,1,"",[1],[]]', '[2,1,"",[],[]]', '[2,1,"",{},[]]'],
  ...noItems.map((item) => `[2,1,"","",[${sent},${item}]]`),
  ...[
    ...[
      "null",
      "[]",
      '{"what":"execution","id":{}}',
      '{"what":"instance","place":7}',
      '{"what":["instance"]}',
    ],
    ...['{"what":"other","id":"1"}', '{"what":"toString"}', '{"what":"removed","of":"other","id":"1"}', "{}"],
    ...[
      '{"what":"enforcement","rule":{"toString":1}}',
      '{"what":"removed","of":"rule","root":{"toString":1}}',
    ],
  ].map((item) => `{"v":1,"seq":1,"at":"","prev":"","items":[${item}]}`),
])("%s is no row", (given) => {
  expect(parseRow(given)).toBeNull();
});

test("whatever is read, nothing is thrown, and what is a row has keys for all that it speaks of", () => {
  const place = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    text,
    hex.map((digits) => digits.slice(0, 43)),
  );
  const letter = fc.constantFrom("i", "n", "e", "r", "x", "s", "o", "d", "instance", "removed");
  const values = fc
    .tuple(letter, fc.array(place, { maxLength: 11 }))
    .map(([first, rest]) => [first, ...rest]);
  const rows = fc.oneof(
    fc.jsonValue(),
    fc.tuple(fc.constant(2), fc.nat(), text, text, fc.array(fc.oneof(values, fc.jsonValue()))),
  );
  fc.assert(
    fc.property(rows, (given) => {
      const items = parseRow(JSON.stringify(given))?.items ?? [];
      for (const key of items.map(keyOfItem)) expect(key === null || typeof key === "string").toBe(true);
      expect(() => rootsOf(items)).not.toThrow();
    }),
    { numRuns: 1_000 },
  );
});

test("a digest with one character changed is another one, or none", () => {
  const items: ChainItem[] = [
    { what: "rule", id: "a.b", digest: sha256("a"), rev: 1, definition: sha256("b") },
  ];
  const written = rowText({ seq: 1, at: "", prev: beforeFirst, items });
  const said = Buffer.from(sha256("a"), "hex").toString("base64url");
  for (const other of [`B${said.slice(1)}`, `!${said.slice(1)}`, said.slice(1), `${said}A`, ""]) {
    expect(other).not.toBe(said);
    expect(parseRow(written.replace(said, other))?.items[0]).not.toMatchObject({ digest: sha256("a") });
  }
});
