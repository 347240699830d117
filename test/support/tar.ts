/** Makes tar archives, well formed or not, for tests. */

export interface TarPart {
  readonly path: string;
  readonly content?: string | Uint8Array;
  /** `0` a file, `1` a hard link, `2` a link, `5` a folder, `x` and `g` pax headers, `L` a long name. */
  readonly type?: string;
  readonly target?: string;
  readonly mode?: number;
}

function field(header: Buffer, start: number, length: number, text: string): void {
  header.write(text.slice(0, length), start, length, "utf8");
}

function part({ path, content = "", type = "0", target = "", mode = 0o644 }: TarPart): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  field(header, 0, 100, path);
  field(header, 100, 8, `${mode.toString(8).padStart(7, "0")}\0`);
  field(header, 124, 12, `${bytes.length.toString(8).padStart(11, "0")}\0`);
  field(header, 156, 1, type);
  field(header, 157, 100, target);
  field(header, 257, 8, "ustar\x0000");
  header.fill(32, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  field(header, 148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export function tarOf(parts: readonly TarPart[]): Buffer {
  return Buffer.concat([...parts.map(part), Buffer.alloc(1024)]);
}
