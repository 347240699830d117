/** The stream that a binary travels as: all of it counts, and whatever goes wrong ends it. */
import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PetrelError } from "../../../../shared/errors.ts";
import { inflated } from "../../../../shared/upgrade/inflate.ts";

/** Pieces of these lengths, and what is left. */
function* cut(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  let from = 0;
  for (const length of lengths) {
    yield bytes.subarray(from, from + length);
    from += length;
  }
  yield bytes.subarray(from);
}

async function* slowly(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    await Promise.resolve();
    if (piece.length > 0) yield piece;
  }
}

async function read(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of inflated(parts)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Bytes that do not compress: a stream as long as what is in it. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let n = 0, state = 1; n < length; n++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[n] = state >>> 24;
  }
  return bytes;
}

describe("the content of a binary's parts", () => {
  it("is the same wherever the stream is cut, and any byte behind its end refuses it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5_000 }),
        fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 8 }),
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        async (whole, lengths, more) => {
          const stream = zstdCompressSync(whole);
          expect(await read(slowly(cut(stream, lengths)))).toEqual(Buffer.from(whole));
          const longer = Buffer.concat([stream, more]);
          await expect(read(slowly(cut(longer, lengths)))).rejects.toMatchObject({ code: "RELEASE_INVALID" });
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ["as much again behind its end", (stream: Buffer) => Buffer.concat([stream, noise(3_000_000)])],
    ["zeros behind its end", (stream: Buffer) => Buffer.concat([stream, Buffer.alloc(3_000_000)])],
    ["an end too early", (stream: Buffer) => stream.subarray(0, stream.length - 3)],
    ["another stream's beginning", (stream: Buffer) => Buffer.concat([Buffer.from("PK\x03\x04"), stream])],
  ])("with %s is refused, at any size of its parts", async (_, change) => {
    const stream = change(zstdCompressSync(noise(3_000_000)));
    for (const size of [60_000, 1_000_000, stream.length]) {
      const lengths = Array<number>(Math.floor(stream.length / size)).fill(size);
      await expect(read(slowly(cut(stream, lengths)))).rejects.toMatchObject({ code: "RELEASE_INVALID" });
    }
  });

  it("that cannot be had is told as whoever has it says it, and late as well as early", async () => {
    const stream = zstdCompressSync(noise(2_000_000));
    for (const good of [0, 1, 5]) {
      const parts = async function* () {
        for (const piece of [...cut(stream, Array<number>(9).fill(200_000))].slice(0, good)) yield piece;
        throw new PetrelError("BLOB_MISSING", "it is gone");
      };
      await expect(read(parts())).rejects.toMatchObject({ code: "BLOB_MISSING" });
    }
  });

  it("need not be read to its end", async () => {
    const stream = zstdCompressSync(noise(2_000_000));
    let isClosed = false;
    const parts = async function* () {
      try {
        for (const piece of cut(stream, Array<number>(20).fill(100_000))) yield piece;
      } finally {
        isClosed = true;
      }
    };
    for await (const _ of inflated(parts())) break;
    expect(isClosed).toBe(true);
  });
});
