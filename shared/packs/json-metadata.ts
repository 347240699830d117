/** Metadata in JSON, as packs had it until 2015: neither StackStorm nor Petrel reads it, and somebody may wait for it. */
import { posix } from "node:path";
import { isObject } from "../json.ts";
import type { Problem } from "../problem.ts";
import type { PackFile } from "./pack-file.ts";

/** By folder, a field that its metadata has and hardly any other file. */
const telling: Readonly<Record<string, string>> = {
  actions: "runner_type",
  sensors: "class_name",
  rules: "trigger",
  policies: "policy_type",
  aliases: "action_ref",
};

/** Longer files are data. */
const maxBytes = 64 * 1024;

/** Warnings, one for each such file. */
export function jsonMetadata(
  files: readonly PackFile[],
  shownAs: (path: string) => string,
): readonly Problem[] {
  return files.flatMap(({ path, content }): Problem[] => {
    const folder = posix.dirname(path);
    const field = Object.hasOwn(telling, folder) ? telling[folder] : undefined;
    if (field === undefined || !path.endsWith(".json") || content.byteLength > maxBytes) return [];
    if (!hasField(new TextDecoder().decode(content), field)) return [];
    return [
      {
        code: "PACK_UNSUPPORTED",
        severity: "warning",
        message: "metadata in JSON files is not read: what this one defines is not there",
        where: shownAs(path),
        hint: `rename it to ${posix.basename(path, ".json")}.yaml: JSON is YAML, too`,
      },
    ];
  });
}

function hasField(text: string, field: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && Object.hasOwn(value, field);
  } catch {
    return false;
  }
}
