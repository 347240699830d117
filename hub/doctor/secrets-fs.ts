/** Secrets of a hub that lie in its data folder, by their value: what a bundle must not hold. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { keyFileName } from "../datastore/key-file-fs.ts";
import { apiFilePath } from "../http/api-file-fs.ts";
import { keysFolder } from "../identity/keys-fs.ts";

/** As far as this user may read them: what it may not read is not in what it gathers either. */
export async function localSecrets(data: string): Promise<readonly string[]> {
  const folder = keysFolder(data);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.includes(".key"));
  const paths = [apiFilePath(data), join(data, keyFileName), ...names.map((name) => join(folder, name))];
  const texts = await Promise.all(paths.map((path) => readFile(path, "utf8").catch(() => "")));
  return texts.flatMap((text) => [
    // Lines of a PEM file; the values of fields that are called `key`.
    ...(text.includes("PRIVATE KEY") ? text.split("\n").filter((line) => !line.startsWith("-----")) : []),
    ...[...text.matchAll(/"key":\s*"([^"]+)"/g)].map(([, key = ""]) => key),
  ]);
}
