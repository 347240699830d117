/** Packing and unpacking: an identity, a stable digest, and no way out of the folder. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSafePath, packContents, packLimits, unpackContents } from "../../../../shared/packs/contents.ts";
import type { PackFile } from "../../../../shared/packs/pack-file.ts";

const step = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .filter((text) => isSafePath(text) && !text.includes("/"));
const files: fc.Arbitrary<PackFile[]> = fc
  .uniqueArray(
    fc.record({
      // Each path has its own first folder, so that no file lies where another has a folder.
      path: fc.tuple(fc.nat(), step, step).map((parts) => parts.join("/")),
      mode: fc.constantFrom(0o644, 0o755, 0o600, 0o777),
      content: fc.uint8Array({ maxLength: 200 }),
    }),
    { selector: ({ path }) => path, maxLength: 12 },
  )
  .map((list) => list.map((file) => ({ ...file, content: Buffer.from(file.content) })));

const byPath = (list: readonly PackFile[]) => [...list].sort((a, b) => (a.path < b.path ? -1 : 1));
const file = (path: string, content = "x"): PackFile => ({
  path,
  mode: 0o644,
  content: Buffer.from(content),
});
const packed = (value: unknown) => gzipSync(JSON.stringify(value));

describe("packing", () => {
  test("and unpacking gives the same files; of the mode only the execute bit is kept", () => {
    fc.assert(
      fc.property(files, (list) => {
        const expected = byPath(list).map((f) => ({ ...f, mode: (f.mode & 0o100) === 0 ? 0o644 : 0o755 }));
        expect(unpackContents(packContents(list).bytes)).toEqual(expected);
      }),
    );
  });

  test("gives the same bytes for the same files in any order, and others for other files", () => {
    fc.assert(
      fc.property(files, (list) => {
        const { digest, bytes } = packContents(list);
        expect(packContents([...list].reverse())).toEqual({ digest, bytes });
        expect(packContents(unpackContents(bytes))).toEqual({ digest, bytes });
        expect(packContents([...list, file("another")]).digest).not.toBe(digest);
      }),
    );
  });

  test("gives a digest that does not depend on machine or time", () => {
    const { digest, bytes } = packContents([file("pack.yaml", "name: a\n")]);
    expect([...bytes.subarray(4, 10)]).toEqual([0, 0, 0, 0, 2, 255]);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test("refuses too many and too large files", () => {
    const many = Array.from({ length: packLimits.files + 1 }, (_, i) => file(`f${i}`));
    const large = { ...file("large"), content: new Uint8Array(packLimits.totalBytes + 1) };
    expect(() => packContents(many)).toThrow(expect.objectContaining({ code: "PACK_TOO_LARGE" }));
    expect(() => packContents([large])).toThrow(expect.objectContaining({ code: "PACK_TOO_LARGE" }));
  });
});

describe("paths that could leave the folder or fight over a name", () => {
  const unsafe = [
    "../a",
    "a/../../b",
    "/etc/passwd",
    "a//b",
    "./a",
    "a/",
    "a/.",
    "..",
    "a\\b",
    "a\u0000b",
    "a\nb",
    "",
  ];
  test.for([...unsafe, "x".repeat(513)])("%j is refused both ways", (path) => {
    const refusal = expect.objectContaining({ code: "PACK_INVALID" });
    expect(() => packContents([file(path)])).toThrow(refusal);
    const entry = { path, executable: false, content: "" };
    expect(() => unpackContents(packed({ v: 1, files: [entry] }))).toThrow(refusal);
  });

  test("the same path twice, and a file where another needs a folder, are refused", () => {
    const refusal = expect.objectContaining({ code: "PACK_INVALID" });
    expect(() => packContents([file("a"), file("a")])).toThrow(refusal);
    expect(() => packContents([file("a"), file("a/b")])).toThrow(refusal);
  });
});

describe("unpacking bytes from anywhere", () => {
  const rows: readonly (readonly [string, Uint8Array])[] = [
    ["nothing", new Uint8Array()],
    ["no gzip", Buffer.from("hello")],
    ["a cut blob", packContents([file("a", "y".repeat(1000))]).bytes.subarray(0, 30)],
    ["no JSON", gzipSync("{")],
    ["another shape", packed({ v: 1, files: [{ path: "a", content: "" }] })],
    ["another version", packed({ v: 2, files: [] })],
    [
      "too many files",
      packed({
        v: 1,
        files: Array(packLimits.files + 1).fill({ path: "a", executable: false, content: "" }),
      }),
    ],
  ];
  test.for(rows)("%s is refused", ([, bytes]) => {
    expect(() => unpackContents(bytes)).toThrow(expect.objectContaining({ code: "PACK_INVALID" }));
  });

  test("a small blob that unpacks to gigabytes is refused without unpacking it all", () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024), { level: 9 });
    expect(bomb.length).toBeLessThan(1024 * 1024);
    expect(() => unpackContents(bomb)).toThrow(expect.objectContaining({ code: "PACK_INVALID" }));
  });
});
