/** The key of the baseline's seals: a file of the agent's, outside of the database that it guards. */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDataFolder, syncFolder } from "../../../shared/folder-fs.ts";
import { isObject } from "../../../shared/json.ts";
import { keyBytes } from "./seal.ts";
import type { KeyState } from "./tampering.ts";

export interface BaselineKey {
  readonly key: Buffer;
  /** As it was found. */
  readonly state: KeyState;
  /** It was made because the one before it had gone, and not all is sealed with it yet. */
  readonly lost: boolean;
}

/** What is there, or a new key, which is on disk then. `isExpected`: something is known to be sealed. */
export async function baselineKey(path: string, isExpected: () => boolean): Promise<BaselineKey> {
  const found = await readKey(path);
  if (found !== null) return found;
  const key = randomBytes(keyBytes);
  await makeDataFolder(dirname(path), 0o700);
  await writeKey(path, { key, state: "new", lost: isExpected() });
  return { key, state: "missing", lost: false };
}

/** From now on a baseline without seals is no new one. */
export async function useKey(path: string, { key }: BaselineKey): Promise<void> {
  await writeKey(path, { key, state: "in-use", lost: false });
}

async function readKey(path: string): Promise<BaselineKey | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || typeof value.key !== "string") return null;
    const key = Buffer.from(value.key, "base64");
    if (key.length !== keyBytes) return null;
    return { key, state: value.state === "new" ? "new" : "in-use", lost: value.lost === true };
  } catch {
    // Damaged: the same as gone.
    return null;
  }
}

async function writeKey(path: string, { key, state, lost }: BaselineKey): Promise<void> {
  const aside = `${path}.new`;
  await rm(aside, { force: true });
  const file = await open(aside, "wx", 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ key: key.toString("base64"), state, lost })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, path);
  await syncFolder(dirname(path));
}
