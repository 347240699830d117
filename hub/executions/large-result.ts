/** A result that was too large for an entry, read back from the blob it travelled in. */
import { openBlob } from "../../shared/blobs/sealed-blob.ts";
import { isPetrelError } from "../../shared/errors.ts";
import { isObject, type Json } from "../../shared/json.ts";
import type { BlobRef, Execution } from "../../shared/model/execution.ts";
import { mask } from "../secrets/mask.ts";
import { blobKey } from "../secrets/sealed-execution.ts";
import type { Sealer } from "../secrets/sealer.ts";
import { resultBlobs } from "./result-blobs.ts";

/** Reads one that `execution` names, and decrypts it where it has the key (`sealed`). BLOB_MISSING, KEY_FILE, KEY_UNREADABLE. */
export type ReadBlob = (
  digest: string,
  execution: Pick<Execution, "id" | "sealed">,
  key: "result_key" | "late_result_key",
) => Promise<Uint8Array>;

export function resultReader(read: (digest: string) => Promise<Uint8Array>, sealer: Sealer): ReadBlob {
  return async (digest, execution, name) => {
    const key = blobKey(execution, name, sealer);
    const bytes = await read(digest);
    return key === undefined ? bytes : openBlob(bytes, key);
  };
}

/**
 * The execution with its whole results. While a blob is still on its way from the agent its result stays null, and
 * `result_blob` says that there is one.
 */
export async function withWholeResult(execution: Execution, readBlob: ReadBlob): Promise<Execution> {
  const found = new Map<string, Json>();
  for (const blob of resultBlobs(execution)) {
    const key = blob === execution.result_blob ? "result_key" : "late_result_key";
    const content = await contentOf(blob, () => readBlob(blob.digest, execution, key));
    if (content !== undefined) found.set(blob.digest, content);
  }
  if (found.size === 0) return execution;
  const { result, result_blob, late_result } = execution;
  return {
    ...execution,
    result: result ?? found.get(result_blob?.digest ?? "") ?? null,
    late_result: isObject(late_result) ? wholeLate(late_result as LateResult, found) : late_result,
  };
}

type LateResult = { readonly [key: string]: Json; readonly result: Json };

function wholeLate(late: LateResult, found: ReadonlyMap<string, Json>): Json {
  const digest = isObject(late.result_blob) ? String(late.result_blob.digest) : "";
  return { ...late, result: late.result ?? found.get(digest) ?? null };
}

/** One that was cut at the cap is no JSON any more, nor need it be what a hostile agent sent: that is given as text. */
async function contentOf(blob: BlobRef, read: () => Promise<Uint8Array>): Promise<Json | undefined> {
  let text: string;
  try {
    text = new TextDecoder().decode(await read());
  } catch (error) {
    if (isPetrelError(error) && error.code === "BLOB_MISSING") return undefined;
    // What is secret in it would not be shown anyway.
    if (isPetrelError(error) && (error.code === "KEY_FILE" || error.code === "KEY_UNREADABLE")) return mask;
    throw error;
  }
  if (blob.truncated === true) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text; // what the agent sent instead of JSON
  }
}
