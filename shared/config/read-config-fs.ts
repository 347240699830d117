/** Reads a configuration file and finds out where one usually is. */
import { access, readFile } from "node:fs/promises";
import { PetrelError } from "../errors.ts";
import { readYaml, type YamlDocument } from "../yaml/read-yaml.ts";

/** A configuration is a page or two; more than this is some other file. */
const limits = { length: 256 * 1024, depth: 16, tokens: 100_000, aliasWeight: 10_000, documents: 1 };

/**
 * The file's only document, its problems kept for `resolveConfig`; `undefined` when `fallback` was not named by
 * anybody and does not exist. Throws FILE_UNREADABLE, and CONFIG_INVALID when it holds several documents.
 */
export async function readConfigFile(
  named: string | undefined,
  fallback: string,
): Promise<YamlDocument | undefined> {
  const path = named ?? fallback;
  if (named === undefined && !(await exists(path))) return undefined;
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new PetrelError("FILE_UNREADABLE", `the configuration ${path} cannot be read`, {
      where: path,
      hint: "check the path and who may read it",
      cause: error,
    });
  }
  const { documents, problems } = readYaml(text, path, limits);
  if (documents.length > 1) {
    throw new PetrelError("CONFIG_INVALID", "a configuration is one YAML document", {
      where: path,
      hint: "remove the `---` lines",
    });
  }
  const [document] = documents;
  return { value: document?.value ?? null, at: document?.at ?? (() => path), problems };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
