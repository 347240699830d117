/** Dead letters of results that may hold secrets: encrypted until they are tried again. Pure. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { Sealer } from "./sealer.ts";

const placeOf = (entry: JsonObject) => `letter/${String(entry.id)}`;

/** An agent's entry as a letter keeps it. Secrets that cannot be encrypted are left out. */
export function letterEntry(entry: unknown, sealer: Sealer): Json {
  if (!isObject(entry) || entry.kind !== "execution-update" || entry.secret !== true) return entry as Json;
  const { result, result_key, ...rest } = entry as JsonObject;
  const secrets = {
    ...(result !== undefined && { result }),
    ...(result_key !== undefined && { result_key }),
  };
  try {
    return { ...rest, sealed: sealer.seal(placeOf(rest), JSON.stringify(secrets)) };
  } catch {
    return rest;
  }
}

/** The entry as its agent sent it. Throws KEY_FILE, KEY_UNREADABLE. */
export function openedLetterEntry(entry: Json, sealer: Sealer): Json {
  if (!isObject(entry) || entry.kind !== "execution-update" || typeof entry.sealed !== "string") return entry;
  const { sealed, ...rest } = entry as JsonObject & { readonly sealed: string };
  return { ...rest, ...(JSON.parse(sealer.open(placeOf(rest), sealed)) as JsonObject) };
}
