/** Copies the fleet's keys with the hub's data: a database without its keys would make every agent a stranger. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, namesIn, syncFolder } from "../../shared/folder-fs.ts";
import { textIfThere, writeWhole } from "../../shared/whole-file-fs.ts";
import { keysFolder, rootCertificatePath, serialIn } from "./keys-fs.ts";

/**
 * False when there are none to copy. `aside`: what a folder of keys is to be called that is there already. Resolves once
 * on disk; may be done again after it was cut off.
 */
export async function copyKeys(from: string, to: string, aside?: string): Promise<boolean> {
  const names = (await namesIn(keysFolder(from))).filter((name) => !name.endsWith(".new"));
  if (names.length === 0) return false;
  const target = keysFolder(to);
  // Agents may have seen the newer statement already, and would never take the one from the backup.
  if ((await textIfThere(rootCertificatePath(from))) === (await textIfThere(rootCertificatePath(to)))) {
    if ((await serialIn(target)) > (await serialIn(keysFolder(from)))) return true;
  }
  if (aside !== undefined && (await namesIn(target)).length > 0) await rename(target, join(to, aside));
  await makeFolder(target, 0o700);
  for (const name of names) {
    const text = await textIfThere(join(keysFolder(from), name));
    if (text !== null) await writeWhole(join(target, name), text, 0o600);
  }
  await syncFolder(to);
  return true;
}
