/** `secrets.key` beside the agent's database: encrypts rows with secrets, so that a copy of the database tells none. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { RandomBytes } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import { type PlaceCipher, placeCipher } from "../../shared/place-cipher.ts";
import type { Database } from "../../shared/storage/database-store.ts";
import { moveDamagedAside, textIfThere, writeWhole } from "../../shared/whole-file-fs.ts";
import { agentKey, agentKeys } from "./keys.ts";

export const sealKeyName = "secrets.key";
const kind = "petrel-agent-key";
const keyBytes = 32;

/**
 * The key, made with the database; a file that holds none is moved aside then. Rejects with KEY_FILE when it is missing, damaged, or another one than the database was
 * begun with: then nothing is touched.
 */
export async function openSealKey(
  data: string,
  { level, committer }: Pick<Database, "level" | "committer">,
  random: RandomBytes,
): Promise<PlaceCipher> {
  const path = join(data, sealKeyName);
  const row = agentKey(agentKeys.sealing, "key");
  const known = await level.get(row);
  const text = await textIfThere(path).catch((cause) => refuse(path, "cannot be read", cause));
  const found = keyIn(text);
  if (found === null && known !== undefined) return refuse(path, "is missing, or holds no key");
  const key = found ?? random(keyBytes);
  const id = createHash("sha256").update(`${kind}\0`).update(key).digest("hex").slice(0, 16);
  if (known !== undefined && known !== id)
    return refuse(path, `holds the key ${id}, and the database was begun with ${known}`);
  if (found === null) {
    // Somebody may know what to make of it.
    if (text !== null)
      await moveDamagedAside(path, text).catch((cause) => refuse(path, "cannot be moved aside", cause));
    const content = { kind, key: Buffer.from(key).toString("base64url") };
    await writeWhole(path, `${JSON.stringify(content, null, 2)}\n`, 0o600).catch((cause) =>
      refuse(path, "cannot be written", cause),
    );
  }
  // Behind the file: who dies in between finds it.
  if (known === undefined)
    await committer.commit({
      ops: [{ type: "put", key: row, value: id }],
      bytes: row.length + id.length,
      source: agentKeys.sealing,
    });
  return placeCipher({ key, id, file: sealKeyName });
}

/** `null` when there is no key in it. */
function keyIn(text: string | null): Uint8Array | null {
  if (text === null) return null;
  try {
    const content: unknown = JSON.parse(text);
    if (!isObject(content) || content.kind !== kind || typeof content.key !== "string") return null;
    const key = Buffer.from(content.key, "base64url");
    return key.length === keyBytes ? key : null;
  } catch {
    return null;
  }
}

function refuse(where: string, why: string, cause?: unknown): never {
  throw new PetrelError("KEY_FILE", `the file with the key to the agent's secrets ${why}`, {
    where,
    hint: "put back the one that belongs to this folder; without it, move the folder `store` beside it away: the agent begins anew, and what it has not delivered stays behind",
    cause,
  });
}
