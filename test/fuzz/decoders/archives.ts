/** Packs that come as an archive, or packed as the hub sends them. */
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import { unpackContents } from "../../../shared/packs/contents.ts";
import { TarSyntaxError, tarEntries } from "../../../shared/packs/tar-entries.ts";
import { readTarball } from "../../../shared/packs/tarball.ts";
import { packedPack } from "../../support/packed-pack.ts";
import { tarOf } from "../../support/tar.ts";
import { type Decoder, verdictOf } from "../campaign.ts";

const zip = (bytes: Uint8Array) => gzipSync(bytes, { level: 1 });

export async function openTar(): Promise<Decoder> {
  const pack = { path: "p/pack.yaml", content: "ref: p\n" };
  const pax = (text: string) => `${text.length + 3} ${text}\n`;
  return {
    name: "tar",
    seeds: [
      tarOf([{ path: "p/", type: "5" }, pack, { path: "p/a", content: "a".repeat(600), mode: 0o755 }]),
      tarOf([
        pack,
        { path: "p/b", type: "2", target: "c/d" },
        { path: "p/c", type: "2", target: "e" },
        { path: "p/e/d", content: "x" },
        { path: "p/h", type: "1", target: "p/e/d" },
      ]),
      tarOf([
        { path: "x", type: "x", content: pax("path=p/pack.yaml") },
        { path: "q", content: "ref: p\n" },
      ]),
      tarOf([{ path: "L", type: "L", content: `p/${"n".repeat(150)}\0` }, { path: "n" }, pack]),
    ],
    words: ["p/../", "/", "./", "path=", "size=", "linkpath=", "ustar\0", "00000000000\0", "77777777777\0"],
    take(input) {
      verdictOf(
        () => {
          for (const entry of tarEntries(input)) entry.content.length;
        },
        (error) => error instanceof TarSyntaxError,
      );
      const checked = withSums(input);
      const plain = verdictOf(() => readTarball(input, "a.tar"));
      const summed = verdictOf(() => readTarball(checked, "a.tar"));
      const zipped = verdictOf(() => readTarball(zip(checked), "a.tar.gz"));
      if (summed !== zipped) throw new Error(`as it is it is ${summed}, zipped ${zipped}`);
      return plain === "taken" || summed === "taken" ? "taken" : "refused";
    },
  };
}

/** The checksum of every block that may be a header is made right: else no mutation of a header gets further. */
function withSums(input: Uint8Array): Uint8Array {
  const bytes = Buffer.from(input);
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const header = bytes.subarray(at, at + 512);
    if (header.toString("latin1", 257, 262) !== "ustar") continue;
    header.fill(32, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  }
  return bytes;
}

export async function openContents(): Promise<Decoder> {
  const packed = [packedPack("p"), packedPack("q", { "actions/a.py": "x = 1\n" })].map(({ bytes }) => bytes);
  return {
    name: "contents",
    seeds: [...packed, ...packed.map((bytes) => gunzipSync(bytes))],
    words: ['"path":"../x"', '"executable":true', '"content":"===="', '"v":1'],
    take(input) {
      const whole = verdictOf(() => unpackContents(input));
      const zipped = verdictOf(() => unpackContents(zip(input)));
      return whole === "taken" || zipped === "taken" ? "taken" : "refused";
    },
  };
}
