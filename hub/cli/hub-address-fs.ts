/** Finds the data folder of a local hub, and through it where the hub answers. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { PetrelError } from "../../shared/errors.ts";
import { apiFilePath, readApiFile } from "../http/api-file-fs.ts";

/** Whose word is good for the API's certificate; without it, that of the authorities that Node knows. */
export type ApiTrust =
  /** PEM text of authorities, and where it came from. */
  | { readonly ca: string; readonly path: string }
  /** Exactly this certificate (PEM), whatever name is in it. */
  | { readonly pinned: string };

export interface HubAddress {
  readonly url: string;
  readonly key: string;
  readonly trust?: ApiTrust;
}

/** What a command line says about where its hub is. */
export interface HubPlace {
  readonly api: string | undefined;
  readonly apiKey: string | undefined;
  readonly ca?: { readonly path: string; readonly text: string } | undefined;
  readonly folder: string;
}

/** Where a hub keeps its data when nobody says: `.petrel/hub` here, else the system's or the user's folder. */
export function defaultHubFolder(cwd: string): string {
  const here = join(cwd, ".petrel", "hub");
  if (existsSync(here)) return here;
  return process.getuid?.() === 0 ? "/var/lib/petrel" : join(homedir(), ".petrel", "hub");
}

/** The folder that `--data` or PETREL_DATA names, else the usual one. */
export function hubFolder(named: string | undefined, cwd: string): string {
  return named === undefined || named === "" ? defaultHubFolder(cwd) : resolve(cwd, named);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as { code?: unknown }).code === "EPERM";
  }
}

/**
 * Where the hub answers, `null` while a local one has not said so yet. The file of a hub that has died is not
 * believed: its port may belong to another program by now, which must not be handed the key.
 */
export async function findHub({ api, apiKey, ca, folder }: HubPlace): Promise<HubAddress | null> {
  const given = ca === undefined ? {} : { trust: { ca: ca.text, path: ca.path } };
  if (api !== undefined && apiKey !== undefined) return { url: api, key: apiKey, ...given };
  const file = await readApiFile(folder);
  const own = file?.certificate === undefined ? given : { trust: { pinned: file.certificate } };
  if (api !== undefined) {
    // A key goes only where it belongs.
    if (file !== null && new URL(file.url).origin === new URL(api).origin)
      return { url: api, key: file.key, ...own };
    throw new PetrelError("API_UNAUTHORIZED", `no API key for ${api}`, {
      where: apiFilePath(folder),
      hint: "give --api-key or PETREL_API_KEY",
    });
  }
  if (file === null || !isAlive(file.pid)) return null;
  return { url: file.url, key: apiKey ?? file.key, ...own };
}
