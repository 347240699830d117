import fc from "fast-check";
import { expect, test } from "vitest";
import { tarFile } from "../../../../shared/doctor/tar-file.ts";
import { tarEntries } from "../../../../shared/packs/tar-entries.ts";
import { noon } from "../../../support/records.ts";

const letters = [..."abcXYZ019._-/"];
const path = fc
  .array(fc.constantFrom(...letters), { minLength: 1, maxLength: 99 })
  .map((all) => `f${all.join("")}`.replace(/\/+$/, ""));

test("what is packed is read again as it was", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ path, content: fc.uint8Array({ maxLength: 1_500 }) }), { maxLength: 5 }),
      (files) => {
        const read = [...tarEntries(tarFile(files, noon))];
        expect(read.map(({ path, kind, mode }) => ({ path, kind, mode }))).toEqual(
          files.map((file) => ({ path: file.path, kind: "file", mode: 0o600 })),
        );
        expect(read.map(({ content }) => [...content])).toEqual(files.map(({ content }) => [...content]));
      },
    ),
  );
});

test.each(["", "a b", "ä", "a\n", "x".repeat(101)])("no path for an archive: %j", (bad) => {
  expect(() => tarFile([{ path: bad, content: new Uint8Array(0) }], noon)).toThrow(RangeError);
});
