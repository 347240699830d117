/** `datastore.key` in the hub's data folder: the key that encrypts secrets of the datastore. */
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Ajv } from "ajv";
import { PetrelError } from "../../shared/errors.ts";
import { syncFolder } from "../../shared/folder-fs.ts";
import { keyBytes } from "./key-cipher.ts";

export const keyFileName = "datastore.key";

export interface KeyFile {
  /** `null` when there is none. Rejects with KEY_FILE for one that cannot be read or is none. */
  read(): Promise<Uint8Array | null>;
  /** Resolves once on disk, readable by its owner only. */
  write(key: Uint8Array): Promise<void>;
}

interface Content {
  readonly kind: typeof kind;
  readonly key: string;
}

const kind = "petrel-datastore-key";
/** 32 bytes in base64url. */
const isContent = new Ajv().compile<Content>({
  type: "object",
  required: ["kind", "key"],
  properties: { kind: { const: kind }, key: { type: "string", pattern: "^[A-Za-z0-9_-]{43}$" } },
});

export function keyFileIn(folder: string): KeyFile {
  const path = join(folder, keyFileName);
  return {
    async read() {
      let text: string;
      try {
        text = await readFile(path, "utf8");
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw unusable(path, "cannot be read", cause);
      }
      const content = parsed(text);
      if (content === null) throw unusable(path, "holds no key");
      return Buffer.from(content.key, "base64url").subarray(0, keyBytes);
    },
    async write(key) {
      const fresh = `${path}.new`;
      const content: Content = { kind, key: Buffer.from(key).toString("base64url") };
      // What a crash left here may have another mode.
      await rm(fresh, { force: true });
      const handle = await open(fresh, "wx", 0o600);
      try {
        await handle.writeFile(`${JSON.stringify(content, null, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(fresh, path);
      await syncFolder(folder);
    },
  };
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
