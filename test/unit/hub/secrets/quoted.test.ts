/** Secrets in many places, and texts that quote them: however many, it takes a moment. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { finder } from "../../../../hub/secrets/finder.ts";
import { divideParameters, mask } from "../../../../hub/secrets/mask.ts";
import { withoutQuotes } from "../../../../hub/secrets/quoted.ts";
import { united } from "../../../../hub/secrets/united.ts";
import type { Json, JsonObject } from "../../../../shared/json.ts";

const letters = fc.string({ unit: fc.constantFrom("a", "b", "\ud83d", "é"), minLength: 1, maxLength: 4 });

test("the finder finds what a search for each text finds", () => {
  fc.assert(
    fc.property(fc.array(letters), fc.array(letters), (texts, parts) => {
      const text = parts.join("");
      const found = finder(texts)(text);
      const covered = new Set(found.flatMap(([from, to]) => units(from, to)));
      const wanted = new Set<number>();
      for (const each of texts)
        for (let at = text.indexOf(each); at !== -1; at = text.indexOf(each, at + 1))
          for (const unit of units(at, at + each.length)) wanted.add(unit);
      expect([...covered].sort(byNumber)).toEqual([...wanted].sort(byNumber));
      for (const [at, [from, to]] of found.entries()) {
        expect(to).toBeGreaterThan(from);
        expect(from).toBeGreaterThan(found[at - 1]?.[1] ?? -1);
      }
    }),
  );
});

const units = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
const byNumber = (a: number, b: number) => a - b;

describe("a quote", () => {
  const divide = (values: JsonObject) =>
    withoutQuotes(divideParameters({ token: { secret: true }, pins: { items: { secret: true } } }, values));

  test.each<[string, JsonObject, JsonObject]>([
    ["of one secret", { token: "hunter2", cmd: "-p hunter2 x" }, { token: mask, cmd: `-p ${mask} x` }],
    [
      "of two that share a part is masked as one",
      { pins: ["abc", "cde"], cmd: "x abcde" },
      { pins: [mask, mask], cmd: `x ${mask}` },
    ],
    ["side by side", { token: "abc", cmd: "abcabc-" }, { token: mask, cmd: `${mask}-` }],
    ["of a number", { token: 4711, list: ["a4711"] }, { token: mask, list: [`a${mask}`] }],
    ["that is longer than the text", { token: "hunter2", cmd: "hunter" }, { token: mask, cmd: "hunter" }],
    ["of what looks as a mask", { token: "*", cmd: "a*" }, { token: mask, cmd: `a${mask}` }],
  ])("%s", (_, values, shown) => {
    const divided = divide(values);
    expect(divided.shown).toEqual(shown);
    expect(united(divided)).toEqual(values);
  });
});

const many = (n: number, make: (at: number) => Json) => Array.from({ length: n }, (_, at) => make(at));

// Each took minutes when it took the square of it: as many as one request may hold.
describe("with very many", () => {
  const schemas = {
    list: { type: "array", items: { secret: true } },
    all: { type: "array", secret: true },
  };

  test.each<[string, JsonObject, JsonObject]>([
    ["places, a parameter is masked whole", { list: many(200_000, (at) => `s${at}`) }, { list: mask }],
    [
      "secrets, each parameter that may quote one is masked whole",
      { all: many(50_000, (at) => `s${at}xyz`), hosts: many(100_000, (at) => `host-${at}`), n: 1, s: "a" },
      { all: mask, hosts: mask, n: 1, s: "a" },
    ],
    [
      "texts, each long enough to quote one is masked whole",
      { all: ["hunter2"], hosts: many(300_000, (at) => `host-${at}`), short: "abc" },
      { all: mask, hosts: mask, short: "abc" },
    ],
    [
      "quotes, each of these is masked whole",
      { all: ["hunter2"], cmds: many(5_000, (at) => `-p hunter2 ${at}`), short: "abc" },
      { all: mask, cmds: mask, short: "abc" },
    ],
  ])("%s", (_, values, shown) => {
    const divided = withoutQuotes(divideParameters(schemas, values));
    expect(divided.shown).toEqual(shown);
    expect(united(divided)).toEqual(values);
  });

  test("places in one value, all are put back", () => {
    const values = { list: many(200_000, (at) => ({ pin: at })) };
    const taken = many(200_000, (at) => at).map((at) => [["list", Number(at), "pin"], at] as const);
    expect(united({ shown: { list: many(200_000, () => ({ pin: mask })) }, taken })).toEqual(values);
  });

  test("repetitions, a text is searched once", () => {
    const cmd = "a".repeat(500_000);
    const divided = withoutQuotes(divideParameters(schemas, { all: [`${"a".repeat(30_000)}b`], cmd }));
    expect(divided.shown.cmd).toBe(cmd);
  });
});
