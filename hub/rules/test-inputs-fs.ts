/** Reads what the offline rule test works on: rules, packs, datastore keys, recorded triggers. */
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PetrelError } from "../../shared/errors.ts";
import { dumpJson, parseJson } from "../../shared/expressions/python/json-text.ts";
import { dictEntries, isDict } from "../../shared/expressions/python/values.ts";
import { effectiveConfig } from "../../shared/packs/config.ts";
import type { PackFile } from "../../shared/packs/pack-file.ts";
import { parsePack } from "../../shared/packs/parse-pack.ts";
import { parseRuleDocuments, ruleProblemsAt } from "../../shared/packs/parse-rule.ts";
import { readPackFolder } from "../../shared/packs/read-pack-fs.ts";
import { formatProblem } from "../../shared/problem.ts";
import { checkParameters } from "../../shared/rules/check-parameters.ts";
import { readBuiltInPacks } from "../packs/built-in-fs.ts";
import { prepareRule, type TestAction, type TestRule, type TestSurroundings } from "./bulk-test.ts";

/** Warnings and what could not be used, for people. */
export type Tell = (text: string) => void;

function unreadable(path: string, cause: unknown): PetrelError {
  const why = cause instanceof Error && "code" in cause ? String(cause.code) : "error";
  return new PetrelError("FILE_UNREADABLE", `${path} cannot be read (${why})`, {
    where: path,
    hint: "check the path and its permissions",
    cause,
  });
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The text of a file. Throws FILE_UNREADABLE. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** All YAML and JSON files below a folder, sorted; of a pack only its rules. */
async function ruleFiles(path: string): Promise<readonly string[]> {
  if (!(await isFolder(path))) return [path];
  const entries = (await readdir(path, { withFileTypes: true })).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  const isPack = entries.some(({ name }) => name === "pack.yaml");
  const files: string[] = [];
  for (const entry of entries) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) {
      if (!isPack || entry.name === "rules") files.push(...(await ruleFiles(inside)));
    } else if (!isPack && /\.(?:ya?ml|json)$/.test(entry.name)) files.push(inside);
  }
  return files;
}

/**
 * The rules of a file or folder. Rules without a readable trigger type pair with nothing, and are told of; so is what
 * a rule gives to one of `actions` that does not take it.
 */
export async function readRules(
  path: string,
  actions: TestSurroundings["actions"],
  tell: Tell,
): Promise<readonly TestRule[]> {
  const rules: TestRule[] = [];
  for (const file of await ruleFiles(path)) {
    const { documents, problems } = parseRuleDocuments(await readText(file), file);
    for (const problem of problems) tell(formatProblem(problem));
    documents.forEach((document, i) => {
      const rule = prepareRule(document, `${file}#${i + 1}`);
      if (rule !== null) rules.push(rule);
      else for (const problem of document.problems) tell(formatProblem(problem));
      const action = document.rule === null ? undefined : actions.get(document.rule.action.ref);
      if (document.rule === null || action === undefined) return;
      const wrong = checkParameters(document.rule.action, action.definition);
      for (const problem of ruleProblemsAt(document.at, wrong)) tell(formatProblem(problem));
    });
  }
  return rules;
}

/** Definitions of all actions: those of the built-in packs, and of the packs in `folder`, which come on top. */
export async function readActions(
  folder: string | null,
  tell: Tell,
): Promise<ReadonlyMap<string, TestAction>> {
  const actions = new Map<string, TestAction>();
  const add = (files: readonly PackFile[], shownAs: string): void => {
    const { pack, problems } = parsePack(files, { folder: shownAs });
    if (pack === null) {
      for (const problem of problems) tell(formatProblem(problem));
      return;
    }
    const config = effectiveConfig(pack, {});
    for (const definition of pack.actions) actions.set(definition.ref, { definition, config });
  };
  for (const { pack, files } of await readBuiltInPacks()) add(files, pack.name);
  for (const path of folder === null ? [] : await packFolders(folder)) add(await readPackFolder(path), path);
  return actions;
}

async function packFolders(folder: string): Promise<readonly string[]> {
  if (!(await isFolder(folder)))
    throw new PetrelError("FILE_UNREADABLE", `${folder} is no folder`, { where: folder });
  const entries = await readdir(folder, { withFileTypes: true });
  if (entries.some(({ name }) => name === "pack.yaml")) return [folder];
  const found: string[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    const inside = entry.isDirectory() ? await readdir(path) : [];
    if (inside.includes("pack.yaml")) found.push(path);
  }
  return found;
}

/** A flat JSON object of `st2kv.system` keys; values that are no texts count as their JSON. Throws JSON_SYNTAX. */
export async function readKeys(path: string | null): Promise<ReadonlyMap<string, string>> {
  if (path === null) return new Map();
  const value = parseAt(await readText(path), path);
  if (!isDict(value)) throw new PetrelError("JSON_SYNTAX", "keys are a flat JSON object", { where: path });
  return new Map(
    dictEntries(value).map(([key, text]) => [String(key), typeof text === "string" ? text : dumpJson(text)]),
  );
}

function parseAt(text: string, where: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new PetrelError("JSON_SYNTAX", cause instanceof Error ? cause.message : "no JSON", {
      where,
      cause,
    });
  }
}

/** The lines of a file that are not blank, with their numbers from 1. Throws FILE_UNREADABLE. */
export async function* readLines(
  path: string,
): AsyncGenerator<{ readonly text: string; readonly number: number }> {
  if (await isFolder(path)) throw new PetrelError("FILE_UNREADABLE", `${path} is a folder`, { where: path });
  const stream = createReadStream(path, { encoding: "utf8", highWaterMark: 1 << 20 });
  let number = 0;
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      if (text.trim() !== "") yield { text: number === 1 ? text.replace(/^\ufeff/, "") : text, number };
    }
  } catch (cause) {
    if (cause instanceof PetrelError) throw cause;
    throw unreadable(path, cause);
  } finally {
    stream.destroy();
  }
}
