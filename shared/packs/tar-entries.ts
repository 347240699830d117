/** The entries of a tar archive (POSIX.1-2017 pax, ustar, GNU's long names), as they stand in it. Pure. */

/** What an entry is; `other`: a device, a pipe, or a kind that nobody knows. */
export type TarKind = "file" | "folder" | "symlink" | "hardlink" | "other";

export interface TarEntry {
  /** As written in the archive: judged by whoever uses it. */
  readonly path: string;
  readonly kind: TarKind;
  readonly mode: number;
  /** Where a link leads; empty for all others. */
  readonly target: string;
  readonly content: Uint8Array;
}

/** Why the bytes are no archive; where in it, in bytes. */
export class TarSyntaxError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const block = 512;

const kinds: Readonly<Record<string, TarKind>> = {
  "0": "file",
  // A contiguous file, which is a file to everybody.
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "folder",
};

/** Yields entry by entry, so that a reader may stop at a limit. Throws TarSyntaxError. */
export function* tarEntries(archive: Uint8Array): Generator<TarEntry> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  /** From a header that stands before the entry it speaks of. */
  let next: { path?: string; target?: string; size?: number } = {};
  for (let offset = 0; offset < bytes.length; ) {
    const header = bytes.subarray(offset, offset + block);
    if (header.length < block) throw new TarSyntaxError("the archive ends in the middle of an entry", offset);
    // Two empty blocks end an archive; what stands behind them is padding.
    if (header.every((byte) => byte === 0)) return;
    checkSum(header, offset);
    const type = String.fromCharCode(header[156] ?? 0).replace("\0", "0");
    const size = next.size ?? number(header, 124, 12, offset);
    const start = offset + block;
    if (start + size > bytes.length) {
      throw new TarSyntaxError("the archive ends in the middle of a file", offset);
    }
    const content = bytes.subarray(start, start + size);
    offset = start + Math.ceil(size / block) * block;
    if (type === "L") next.path = text(content, 0, content.length);
    else if (type === "K") next.target = text(content, 0, content.length);
    else if (type === "x") next = { ...next, ...paxRecords(content, start) };
    else if (type !== "g") {
      yield entry(header, type, content, next, start - block);
      next = {};
    }
  }
}

function entry(
  header: Buffer,
  type: string,
  content: Uint8Array,
  { path, target }: { readonly path?: string; readonly target?: string },
  offset: number,
): TarEntry {
  // Only ustar has the prefix; GNU's older form keeps other things there.
  const isUstar = header.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isUstar ? text(header, 345, 155) : "";
  const own = text(header, 0, 100);
  const full = path ?? (prefix === "" ? own : `${prefix}/${own}`);
  // Before there was a type for folders, they ended in a slash.
  const kind = type === "0" && full.endsWith("/") ? "folder" : (kinds[type] ?? "other");
  const isLink = kind === "symlink" || kind === "hardlink";
  return {
    path: full,
    kind,
    mode: number(header, 100, 8, offset) & 0o777,
    target: isLink ? (target ?? text(header, 157, 100)) : "",
    content: kind === "file" ? content : new Uint8Array(0),
  };
}

function checkSum(header: Buffer, offset: number): void {
  let sum = 0;
  // The field of the sum itself counts as spaces.
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 32 : byte;
  if (sum !== number(header, 148, 8, offset)) throw new TarSyntaxError("this is no tar archive", offset);
}

function text(bytes: Buffer | Uint8Array, start: number, length: number): string {
  const field = Buffer.from(bytes.buffer, bytes.byteOffset + start, length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

/** Octal digits, or GNU's big-endian number, told by its highest bit. */
function number(header: Buffer, start: number, length: number, offset: number): number {
  const field = header.subarray(start, start + length);
  const first = field[0] ?? 0;
  if (first >= 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (first === 0x80 && Number.isSafeInteger(value)) return value;
    throw new TarSyntaxError("a number of the archive is out of range", offset);
  }
  const digits = text(field, 0, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new TarSyntaxError("this is no tar archive", offset);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** `length key=value\n` records; the length counts bytes and itself. */
function paxRecords(content: Uint8Array, offset: number): { path?: string; target?: string; size?: number } {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const found: { path?: string; target?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(bytes.toString("latin1", at, space));
    const record = Number.isInteger(length) ? bytes.toString("utf8", space + 1, at + length - 1) : "";
    const equals = record.indexOf("=");
    if (equals < 1 || at + length > bytes.length) {
      throw new TarSyntaxError("a header of the archive is broken", offset + at);
    }
    const value = record.slice(equals + 1);
    const key = record.slice(0, equals);
    if (key === "path") found.path = value;
    else if (key === "linkpath") found.target = value;
    else if (key === "size") {
      if (!/^\d{1,15}$/.test(value))
        throw new TarSyntaxError("a header of the archive is broken", offset + at);
      found.size = Number(value);
    }
    at += length;
  }
  return found;
}
