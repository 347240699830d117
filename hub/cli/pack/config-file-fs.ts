/** Reads a configuration from a file: one YAML mapping. */
import { PetrelError } from "../../../shared/errors.ts";
import { isObject, type JsonObject } from "../../../shared/json.ts";
import { problemError } from "../../../shared/problem.ts";
import { readYaml } from "../../../shared/yaml/read-yaml.ts";
import { readTextFile } from "../text-file-fs.ts";

export function readConfigFile(cwd: string, file: string): JsonObject {
  const { documents, problems } = readYaml(readTextFile(cwd, file), file);
  const [problem] = problems.filter(({ severity }) => severity === "error");
  if (problem) throw problemError(problem);
  const value = documents[0]?.value ?? {};
  if (documents.length <= 1 && isObject(value)) return value as JsonObject;
  throw new PetrelError("PACK_CONFIG", "a configuration is one mapping of attributes", {
    where: file,
    hint: "write `attribute: value` lines",
  });
}
