/** `api.json` in the hub's data folder: where a local hub answers, and with which key. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RandomBytes } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import { writeWhole } from "../../shared/whole-file-fs.ts";

export interface ApiFile {
  /** `http://127.0.0.1:PORT`, or `https://…` with the certificate below. */
  readonly url: string;
  readonly key: string;
  /** `mqtt://HOST:PORT` that agents connect to. */
  readonly mqtt: string;
  /** Process id of the hub. */
  readonly pid: number;
  /** PEM: what the API shows. Who reads it here needs nobody's word for it. */
  readonly certificate?: string;
}

export function apiFilePath(folder: string): string {
  return join(folder, "api.json");
}

function isApiFile(value: unknown): value is ApiFile {
  if (!isObject(value)) return false;
  const { url, key, mqtt, pid, certificate } = value;
  if (certificate !== undefined && typeof certificate !== "string") return false;
  return (
    typeof url === "string" && typeof key === "string" && typeof mqtt === "string" && typeof pid === "number"
  );
}

/** `null` when there is none, or none that can be understood. Throws FILE_UNREADABLE when it may not be read. */
export async function readApiFile(folder: string): Promise<ApiFile | null> {
  const path = apiFilePath(folder);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new PetrelError("FILE_UNREADABLE", `${path} cannot be read (${String(code)})`, {
      where: path,
      hint: "run this as the user that runs the hub, or give --api and --api-key",
      cause: error,
    });
  }
  try {
    const value: unknown = JSON.parse(text);
    return isApiFile(value) ? value : null;
  } catch {
    // It is written whole or not at all, so this is somebody else's file: as good as none.
    return null;
  }
}

/** The key of `folder`'s API: the one it has, or a new one of 32 random bytes. Keys outlive restarts. */
export async function apiKeyOf(folder: string, random: RandomBytes): Promise<string> {
  const file = await readApiFile(folder);
  return file !== null && file.key !== "" ? file.key : Buffer.from(random(32)).toString("base64url");
}

/** Replaces the file in one step, readable by its owner only; resolves once on disk. */
export async function writeApiFile(folder: string, file: ApiFile): Promise<void> {
  await writeWhole(apiFilePath(folder), `${JSON.stringify(file, null, 2)}\n`, 0o600);
}
