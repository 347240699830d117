/** A folder for one test, removed when the test ends. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd } from "./at-end.ts";

/** The absolute path of a fresh, empty folder. */
export async function tempFolder(name = "petrel"): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-test-`));
  atEnd(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return folder;
}
