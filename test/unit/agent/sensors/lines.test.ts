import fc from "fast-check";
import { expect, test } from "vitest";
import { type CutLine, LineCutter } from "../../../../agent/sensors/lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("however a stream is cut into chunks, the same lines come out", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/[\r\n]/g, ""))),
      fc.array(fc.nat({ max: 200 })),
      (lines, cuts) => {
        const whole = bytes(lines.map((line) => `${line}\n`).join(""));
        const edges = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
        const cutter = new LineCutter();
        const out = edges.slice(1).flatMap((edge, at) => cutter.push(whole.subarray(edges[at], edge)));
        expect(out.map((line) => (line.kind === "line" ? line.text : null))).toEqual(
          lines.filter((line) => line !== ""),
        );
        expect(cutter.end()).toBeNull();
      },
    ),
  );
});

test.each<{ name: string; chunks: string[]; lines: Partial<CutLine>[]; rest?: Partial<CutLine> | null }>([
  {
    name: "a carriage return belongs to the line end",
    chunks: ["a\r\nb\n"],
    lines: [{ text: "a" }, { text: "b" }],
  },
  { name: "empty lines are left out", chunks: ["\n\r\n\na\n"], lines: [{ text: "a" }] },
  {
    name: "an unfinished line is told at the end",
    chunks: ["a\nb"],
    lines: [{ text: "a" }],
    rest: { text: "b" },
  },
  {
    name: "a line beyond the bound is dropped, and the next one is whole",
    chunks: ["0123456", "789ab", "c\nnext\n"],
    lines: [{ kind: "dropped", bytes: 13, head: "0123456789ab" }, { text: "next" }],
  },
  { name: "a line of exactly the bound passes", chunks: ["0123456789\n"], lines: [{ text: "0123456789" }] },
])("$name", ({ chunks, lines, rest = null }) => {
  const cutter = new LineCutter(10);
  const out = chunks.flatMap((chunk) => cutter.push(bytes(chunk)));
  expect(out).toMatchObject(lines);
  expect(out.length).toBe(lines.length);
  const end = cutter.end();
  if (rest === null) expect(end).toBeNull();
  else expect(end).toMatchObject(rest);
});

test("a dropped line costs no memory while it goes on", () => {
  const cutter = new LineCutter(1_000);
  const chunk = bytes("x".repeat(64 * 1024));
  for (let at = 0; at < 100; at++) expect(cutter.push(chunk)).toEqual([]);
  expect(cutter.push(bytes("\n"))).toEqual([
    { kind: "dropped", bytes: 100 * chunk.length, head: "x".repeat(512) },
  ]);
});

test("a line that is not UTF-8 is marked", () => {
  const [line] = new LineCutter().push(new Uint8Array([0x61, 0xff, 0x0a]));
  expect(line).toMatchObject({ kind: "line", clean: false });
});

test("a line that comes byte by byte is whole, and is dropped beyond the bound", () => {
  const cutter = new LineCutter(5_000);
  const text = "0123456789".repeat(500);
  const one = (whole: string) => [...whole].flatMap((letter) => cutter.push(bytes(letter)));
  expect(one(`${text}\n`)).toMatchObject([{ kind: "line", text }]);
  expect(one(`${text}xyz\n`)).toMatchObject([{ kind: "dropped", bytes: 5_003, head: text.slice(0, 512) }]);
  expect(one("next\n")).toMatchObject([{ text: "next" }]);
});

test("a line that is handed over half-way comes out as if it had not been, and so does one that is too long", () => {
  const parts = fc.array(fc.string({ unit: "grapheme", maxLength: 12 }), { maxLength: 6 });
  fc.assert(
    fc.property(parts, fc.nat({ max: 80 }), (lines, at) => {
      const whole = bytes(lines.map((line) => `${line}\n`).join(""));
      const cut = Math.min(at, whole.length);
      const alone = new LineCutter(8).push(whole);
      const first = new LineCutter(8);
      const second = new LineCutter(8);
      const before = first.push(whole.subarray(0, cut));
      second.resume(first.soFar());
      // Where a head ends is a matter of chunks, as ever.
      const shown = (all: readonly CutLine[]) => all.map((each) => ({ ...each, head: null }));
      expect(shown([...before, ...second.push(whole.subarray(cut))])).toEqual(shown(alone));
    }),
  );
});
