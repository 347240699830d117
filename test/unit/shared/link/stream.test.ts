/** Output of running actions on its way: offsets, cuts, caps. */
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ChunkBody, OutputStream } from "../../../../shared/link/stream.ts";
import { manualTime } from "../../../support/manual-time.ts";

function stream() {
  const time = manualTime();
  const sent: ChunkBody[] = [];
  const output = new OutputStream({ clock: time.clock, send: (chunk) => sent.push(chunk) });
  output.connected();
  return { output, sent, time };
}
const bytesOf = (chunks: readonly ChunkBody[]) =>
  chunks.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);

test("pieces add up to the text, at offsets in bytes, each within its size", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme", maxLength: 20_000 }), { maxLength: 4 }), (texts) => {
      const { output, sent } = stream();
      let given = 0;
      for (const text of texts) {
        output.write("e", "stdout", given, text);
        given += Buffer.byteLength(text);
      }
      expect(sent.map(({ text }) => text).join("")).toBe(texts.join(""));
      let offset = 0;
      for (const chunk of sent) {
        expect(chunk.offset).toBe(offset);
        expect(Buffer.byteLength(chunk.text)).toBeLessThanOrEqual(32 * 1024);
        // A pair cut in half would come out as the replacement character.
        expect(Buffer.from(chunk.text).toString()).toBe(chunk.text);
        offset += Buffer.byteLength(chunk.text);
      }
    }),
    { numRuns: 50 },
  );
});

test("a flood is held to the rate, and the offsets show what is missing", () => {
  const { output, sent, time } = stream();
  for (let i = 0; i < 100; i++) output.write("e", "stdout", i * 10_000, "x".repeat(10_000));
  expect(bytesOf(sent)).toBeLessThanOrEqual(512 * 1024);
  const before = sent.length;
  time.advance(1_000);
  output.write("e", "stdout", 1_000_000, "y");
  expect(sent.slice(before)).toEqual([{ execution: "e", stream: "stdout", offset: 1_000_000, text: "y" }]);
});

test("one stream ends at its cap, others go on", () => {
  const { output, sent, time } = stream();
  for (let i = 0; i < 200; i++) {
    output.write("e", "stdout", i * 10_000, "x".repeat(10_000));
    time.advance(1_000);
  }
  expect(bytesOf(sent)).toBeLessThanOrEqual(1024 * 1024);
  const before = sent.length;
  output.write("e", "stderr", 0, "on");
  expect(sent).toHaveLength(before + 1);
});

test("without a connection nothing is sent, and nothing kept", () => {
  const { output, sent } = stream();
  output.disconnected();
  output.write("e", "stdout", 0, "abc");
  output.connected();
  output.write("e", "stdout", 3, "d");
  expect(sent).toEqual([{ execution: "e", stream: "stdout", offset: 3, text: "d" }]);
});
