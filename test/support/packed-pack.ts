/** A small pack as the hub sends it. */
import { packContents } from "../../shared/packs/contents.ts";

export interface PackedPack {
  readonly ref: string;
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** `files` are added to a manifest, or replace it. */
export function packedPack(ref: string, files: Readonly<Record<string, string>> = {}): PackedPack {
  const manifest = `ref: ${ref}\nname: ${ref}\ndescription: For tests.\nversion: 1.0.0\nauthor: Tester\nemail: a@b.example\n`;
  const all = { "pack.yaml": manifest, ...files };
  const packed = packContents(
    Object.entries(all).map(([path, text]) => ({ path, mode: 0o644, content: Buffer.from(text) })),
  );
  return { ref, digest: packed.digest, bytes: packed.bytes };
}

/** A sensor's metadata and code, as files of a pack. */
export function sensorFiles(className: string, code = "export class Any { run() {} }") {
  const file = className.toLowerCase();
  return {
    [`sensors/${file}.yaml`]: `class_name: ${className}\nentry_point: ${file}.ts\ndescription: For tests.\ntrigger_types:\n  - name: seen_${file}\n    description: Seen.\n`,
    [`sensors/${file}.ts`]: code.replace("Any", className),
  };
}
