/** A pack as a list of files, and how its metadata is read from them. */
import { isUtf8 } from "node:buffer";
import type { Json } from "../json.ts";
import type { Problem } from "../problem.ts";
import { fileLimits, type Path, readYaml, type YamlDocument } from "../yaml/read-yaml.ts";

/** One file of a pack: path relative to the pack's folder, with `/`. */
export interface PackFile {
  readonly path: string;
  /** Unix permission bits; only the owner's execute bit is kept. */
  readonly mode: number;
  readonly content: Uint8Array;
}

export type Report = (problem: Problem) => void;

/** One metadata document of a pack, with all that its parser needs to know about the rest. */
export interface Metadata {
  /** Ref of the pack. */
  readonly pack: string;
  readonly value: Json;
  /** `file:line (path)`. */
  at(path: Path): string;
  report: Report;
  /** It came with the program, whose tests have looked at each field: `checkFields` need not. */
  readonly isOwn?: boolean;
}

/** The only document of a file; `null`, with the reason reported, when it cannot be read. */
export function readMetadata(file: PackFile, shownAs: string, report: Report): YamlDocument | null {
  if (!isUtf8(file.content)) {
    report({
      code: "YAML_SYNTAX",
      severity: "error",
      message: "the file is not UTF-8 text",
      where: `${shownAs}:1`,
      hint: "save it as UTF-8",
    });
    return null;
  }
  const { documents, problems } = readYaml(Buffer.from(file.content).toString("utf8"), shownAs, fileLimits);
  problems.forEach(report);
  if (problems.some(({ severity }) => severity === "error")) return null;
  const [first, second] = documents;
  if (first === undefined || first.value === null || second !== undefined) {
    report({
      code: "PACK_FIELD",
      severity: "error",
      message: second === undefined ? "the file is empty" : "the file holds more than one document",
      where: second === undefined ? `${shownAs}:1` : second.at([]),
      hint: second === undefined ? "write the definition, or remove the file" : "one definition a file",
    });
    return null;
  }
  return first;
}
