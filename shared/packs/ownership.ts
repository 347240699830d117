/** What a metadata file says about its pack and its code file must be true. */
import { posix } from "node:path";
import { suggestion } from "../nearest.ts";
import type { Path } from "../yaml/read-yaml.ts";
import { shown } from "./fields.ts";
import type { Metadata } from "./pack-file.ts";

/** A `pack` field, when there is one, must name the pack that the file lies in. */
export function belongsToPack(metadata: Metadata, base: Path, pack: unknown): boolean {
  if (pack === undefined || pack === null || pack === metadata.pack) return true;
  metadata.report({
    code: "PACK_REF",
    severity: "error",
    message: `pack ${shown(pack)} is not the pack this file belongs to`,
    where: metadata.at([...base, "pack"]),
    hint: `write 'pack: ${metadata.pack}', or remove the line`,
  });
  return false;
}

/** An entry point must be a file of the pack, below `folder`. Reports PACK_ENTRY_POINT. */
export function hasEntryPoint(
  metadata: Metadata,
  folder: string,
  entryPoint: string,
  paths: readonly string[],
): boolean {
  const where = metadata.at(["entry_point"]);
  const path = posix.normalize(posix.join(folder, entryPoint));
  if (posix.isAbsolute(entryPoint) || !path.startsWith(`${folder}/`)) {
    metadata.report({
      code: "PACK_ENTRY_POINT",
      severity: "error",
      message: `entry point ${shown(entryPoint)} leaves the folder ${folder}/`,
      where,
      hint: `write a path relative to ${folder}/, and keep the file there`,
    });
    return false;
  }
  if (paths.includes(path)) return true;
  const code = paths
    .filter((other) => other.startsWith(`${folder}/`) && !/\.ya?ml$/.test(other))
    .map((other) => other.slice(folder.length + 1));
  metadata.report({
    code: "PACK_ENTRY_POINT",
    severity: "error",
    message: `there is no file ${path}`,
    where,
    hint: code.length === 0 ? `create ${path}` : suggestion(entryPoint, code),
  });
  return false;
}
