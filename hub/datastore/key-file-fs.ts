/** `datastore.key` in the hub's data folder: the key that encrypts secrets of the datastore. */
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { PetrelError } from "../../shared/errors.ts";
import { checksWith } from "../../shared/validation.ts";
import { moveDamagedAside, writeWhole } from "../../shared/whole-file-fs.ts";
import { keyBytes } from "./key-cipher.ts";

export const keyFileName = "datastore.key";

export interface KeyFile {
  /** `null` when there is none. Rejects with KEY_FILE for one that cannot be read or is none. */
  read(): Promise<Uint8Array | null>;
  /** Resolves once on disk, readable by its owner only. */
  write(key: Uint8Array): Promise<void>;
  /**
   * Whether an operator says, by a file beside it, that the key this hub had is lost. One that is damaged is then moved
   * aside, under a name that follows from what is in it.
   */
  isGivenUp(): Promise<boolean>;
  /** That file has been heeded: takes it away. */
  settled(): Promise<void>;
}

interface Content {
  readonly kind: typeof kind;
  readonly key: string;
}

const kind = "petrel-datastore-key";
/** 32 bytes in base64url. */
const isContent = checksWith({})<Content>({
  type: "object",
  required: ["kind", "key"],
  properties: { kind: { const: kind }, key: { type: "string", pattern: "^[A-Za-z0-9_-]{43}$" } },
});

export function keyFileIn(folder: string): KeyFile {
  const path = join(folder, keyFileName);
  return {
    async read() {
      const text = await textOf(path);
      if (text === null) return null;
      const content = parsed(text);
      if (content === null) throw unusable(path, "holds no key");
      return Buffer.from(content.key, "base64url").subarray(0, keyBytes);
    },
    async write(key) {
      const content: Content = { kind, key: Buffer.from(key).toString("base64url") };
      await writeWhole(path, `${JSON.stringify(content, null, 2)}\n`, 0o600);
    },
    async isGivenUp() {
      if ((await textOf(`${path}.lost`)) === null) return false;
      const text = await textOf(path);
      if (text !== null && parsed(text) === null) await moveDamagedAside(path, text);
      return true;
    },
    settled: () => rm(`${path}.lost`, { force: true }),
  };
}

/**
 * Copies it as it is, into a folder that has none or the same. False when there is none to copy. `aside`: what the other
 * one is to be called that is there, since the database it belongs to may still need it.
 */
export async function copyKeyFile(from: string, to: string, aside?: string): Promise<boolean> {
  const text = await textOf(join(from, keyFileName));
  if (text === null) return false;
  const before = await textOf(join(to, keyFileName));
  if (before === text) return true;
  if (before !== null && aside !== undefined) await rename(join(to, keyFileName), join(to, aside));
  await writeWhole(join(to, keyFileName), text, 0o600);
  return true;
}

/** `null` when there is no such file. */
async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw unusable(path, "cannot be read", cause);
  }
}

function parsed(text: string): Content | null {
  try {
    const value: unknown = JSON.parse(text);
    return isContent(value) ? value : null;
  } catch {
    return null;
  }
}

const unusable = (where: string, why: string, cause?: unknown) =>
  new PetrelError("KEY_FILE", `the file with the datastore's key ${why}`, {
    where,
    hint: "put the one back that belongs to this hub (a backup has it), owned by the hub's user",
    cause,
  });
