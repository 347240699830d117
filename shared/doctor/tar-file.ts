/** Makes a tar archive (POSIX.1-2017 pax, ustar interchange format) of a few small files. Pure. */
import { Buffer } from "node:buffer";

export interface TarFile {
  /** At most 100 bytes of printable ASCII, with `/` between folders. */
  readonly path: string;
  readonly content: Uint8Array;
}

const block = 512;

/** All files belong to root with mode 0600, and were made at `atMs`. Throws a RangeError for a path that does not fit. */
export function tarFile(files: readonly TarFile[], atMs: number): Uint8Array {
  const parts = files.flatMap(({ path, content }) => [
    header(path, content.length, Math.floor(atMs / 1000)),
    content,
    new Uint8Array((block - (content.length % block)) % block),
  ]);
  // Two empty blocks end an archive.
  return Buffer.concat([...parts, new Uint8Array(2 * block)]);
}

function header(path: string, size: number, seconds: number): Uint8Array {
  if (!/^[\x21-\x7e]{1,100}$/.test(path)) throw new RangeError(`no path for an archive: ${path}`);
  const bytes = Buffer.alloc(block);
  const octal = (value: number, at: number, length: number) =>
    bytes.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  bytes.write(path, 0, "latin1");
  octal(0o600, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(seconds, 136, 12);
  bytes.write("0", 156, "latin1");
  bytes.write("ustar\x0000", 257, "latin1");
  bytes.write("root", 265, "latin1");
  bytes.write("root", 297, "latin1");
  // The sum counts its own field as blanks.
  bytes.fill(32, 148, 156);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}
